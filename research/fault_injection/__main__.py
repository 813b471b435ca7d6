"""Kill trainings with SIGKILL, resume them and compare the results.

Writes ``rows.csv`` (a row for each kill), ``environment.json`` and
``summary.md`` into a folder. The exit code is 1 unless every run has ended
bit for bit like the one that was not killed, and enough kills fell into a
save::

    OMP_NUM_THREADS=1 python -m research.fault_injection --out DIR
"""

import argparse
import signal
import sys
import tempfile
from pathlib import Path

import torch
from mmpretrain.utils import register_all_modules
from rich.console import Console

from research.common.environment import (
    command_line,
    describe_environment,
    write_environment,
)
from research.common.rows import write_rows

from .campaign import Campaign
from .children import wait_for_single_thread
from .rows import Row
from .summary import summarise
from .training import KINDS


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--kills', type=int, default=100, help='runs to kill')
    parser.add_argument('--epochs', type=int, default=4, help='of a run')
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--out', type=Path, required=True, metavar='DIR')
    parser.add_argument(
        '--delay',
        type=float,
        default=0.08,
        help='seconds that the disk waits before every call',
    )
    parser.add_argument(
        '--kinds',
        nargs='+',
        choices=KINDS,
        default=KINDS,
        help='loops and data loaders, which take turns',
    )
    parser.add_argument(
        '--in-saves',
        type=float,
        default=0.3,
        help='share of the kills that must fall into a save',
    )
    args = parser.parse_args()
    if args.kills < 1:
        parser.error(f'--kills must be at least 1, not {args.kills}')
    return args


def kill_all(args: argparse.Namespace, folder: Path) -> list[Row]:
    """Kill and resume runs in a folder; return a row for each kill."""
    console = Console()
    campaign = Campaign(folder, args.epochs, args.seed, args.delay)
    for kind in args.kinds:
        campaign.undisturbed(kind)
    rows: list[Row] = []
    number = done = 0
    while done < args.kills:
        number += 1
        found = campaign.kill(number)
        done += found[0].killed
        rows += found
        write_rows(args.out / 'rows.csv', rows)
        for row in found:
            end = 'equal' if row.equal else f'DIFFERENT: {row.different}'
            console.print(
                f'{number}, {row.kind}: {row.phase} {row.what} at '
                f'{row.moment:.2f} s, then {row.chose}: {end}',
                highlight=False,
                soft_wrap=True,
            )
    return rows


def main() -> None:
    """Inject the faults and tabulate them."""
    args = parse_args()
    # An exit, so that the process that trains is killed, too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    args.out.mkdir(parents=True, exist_ok=True)
    command = command_line('research.fault_injection')
    write_environment(args.out, describe_environment(command, 'wall'))
    register_all_modules(init_default_scope=False)
    torch.set_num_threads(1)
    wait_for_single_thread()
    with tempfile.TemporaryDirectory() as folder:
        rows = kill_all(args, Path(folder))
    text = summarise(rows, args.delay, f'OMP_NUM_THREADS=1 {command}')
    (args.out / 'summary.md').write_text(text)
    kills = [row for row in rows if row.killed]
    if not all(row.equal for row in rows):
        sys.exit('error: not all runs have ended alike; see above.')
    if sum(row.in_a_save for row in kills) < args.in_saves * len(kills):
        sys.exit('error: too few kills fell into a save: raise --delay.')


if __name__ == '__main__':
    main()
