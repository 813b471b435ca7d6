"""Simulates the noisy quadratic model, and tabulates what it says.

Compares the variances of research/theory/README.md with simulations, and what SGD,
EMA and Switch EMA reach in a given number of epochs. Writes ``rows.csv``
(the simulations), ``best.csv``, ``windows.csv``, ``environment.json`` and
``summary.md``::

    python -m research.theory --out FOLDER
"""

import argparse
import csv
import dataclasses
import json
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import research.theory.budget as budget
from research.common.environment import describe_surroundings

from .rows import simulate
from .summary import summarise


def write_csv(file: Path, rows: Sequence[Any]) -> None:
    """Writes rows into a file.

    Args:
        file (Path): The file.
        rows (Sequence): Instances of one dataclass.
    """
    with open(file, 'w', newline='') as stream:
        writer = csv.writer(stream, lineterminator='\n')
        writer.writerow(f.name for f in dataclasses.fields(rows[0]))
        writer.writerows(map(dataclasses.astuple, rows))


def parse_args() -> argparse.Namespace:
    """Reads the command line.

    Returns:
        argparse.Namespace: The arguments.
    """
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--out', type=Path, required=True, metavar='FOLDER')
    parser.add_argument('--steps', type=int, default=10**6)
    parser.add_argument('--chains', type=int, default=32)
    args = parser.parse_args()
    if args.steps < 1000:
        parser.error(f'--steps must be at least 1000, not {args.steps}')
    if args.chains < 2:
        parser.error(f'--chains must be at least 2, not {args.chains}')
    return args


def main() -> None:
    """Simulates, computes and writes."""
    args = parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    command = shlex.join(['python', '-m', 'research.theory', *sys.argv[1:]])
    surroundings = describe_surroundings(command, 'none')
    rows = list(simulate(args.steps, args.chains))
    best, windows = list(budget.best()), list(budget.windows())
    write_csv(args.out / 'rows.csv', rows)
    write_csv(args.out / 'best.csv', best)
    write_csv(args.out / 'windows.csv', windows)
    text = json.dumps(surroundings, indent=2)
    (args.out / 'environment.json').write_text(f'{text}\n')
    summary = summarise(rows, best, windows, args, command)
    (args.out / 'summary.md').write_text(summary)


if __name__ == '__main__':
    main()
