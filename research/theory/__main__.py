"""Simulate the noisy quadratic model, and tabulate what it says.

Compares the variances of research/theory/README.md with simulations, and what
SGD, EMA and Switch EMA reach in a given number of epochs. Writes ``rows.csv``
(the simulations), ``best.csv``, ``windows.csv``, ``environment.json`` and
``summary.md``::

    python -m research.theory --out FOLDER
"""

import argparse
from pathlib import Path

import research.theory.budget as budget
from research.common.environment import (
    command_line,
    describe_environment,
    write_environment,
)
from research.common.rows import write_rows

from .rows import simulate
from .summary import summarise


def parse_args() -> argparse.Namespace:
    """Read the command line."""
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
    """Simulate, compute and write."""
    args = parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    command = command_line('research.theory')
    environment = describe_environment(command, 'none')
    rows = list(simulate(args.steps, args.chains))
    best, windows = list(budget.best()), list(budget.windows())
    write_rows(args.out / 'rows.csv', rows)
    write_rows(args.out / 'best.csv', best)
    write_rows(args.out / 'windows.csv', windows)
    write_environment(args.out, environment)
    summary = summarise(rows, best, windows, args, command)
    (args.out / 'summary.md').write_text(summary)


if __name__ == '__main__':
    main()
