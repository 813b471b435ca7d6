"""Measure what averaging costs: ours, every peer's, and the floor.

Writes environment.json, rows.csv, counts.csv, summary.md and plot.png::

    pip install -r requirements/benchmark.txt
    python -m research.speed --out DIR
"""

import argparse
import logging
import tempfile
import warnings
from pathlib import Path

import torch
from rich.console import Console

from research.common.environment import describe_environment

from . import report
from .command import command_line
from .models import MODELS, SYNTHETIC
from .session import measure, profile


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument(
        '--models',
        nargs='+',
        choices=MODELS,
        metavar='MODEL',
        help=f'some of {", ".join(MODELS)} (default: all; with --quick, the '
        'last)',
    )
    parser.add_argument(
        '--rounds',
        type=int,
        default=50,
        help='samples of each contestant, fewer where they take long '
        '(default: 50)',
    )
    parser.add_argument(
        '--device',
        nargs='+',
        choices=['cpu', 'cuda'],
        help='where (default: cpu, and cuda where there is one)',
    )
    parser.add_argument(
        '--clock',
        choices=['wall', 'cpu'],
        default='wall',
        help='cpu: leave out waits for a core, on a machine that has other '
        'work; needs OMP_NUM_THREADS=1 (default: wall)',
    )
    parser.add_argument(
        '--out',
        type=Path,
        default=Path('work_dirs/speed'),
        help='folder of the results',
    )
    parser.add_argument(
        '--largest',
        type=int,
        default=1000,
        metavar='MB',
        help='end of the growth; 4000 needs 44 GB (default: 1000)',
    )
    parser.add_argument(
        '--quick', action='store_true', help='a minute, to see that it works'
    )
    parser.add_argument(
        '--profile',
        action='store_true',
        help='only write where the time of our hook goes',
    )
    parser.add_argument(
        '--redraw',
        action='store_true',
        help='only write summary.md and plot.png anew, from the rows',
    )
    args = parser.parse_args()
    if args.rounds < 1:
        parser.error(f'--rounds must be at least 1, not {args.rounds}')
    if args.largest < 1:
        parser.error(f'--largest must be at least 1, not {args.largest}')
    if args.clock == 'cpu' and torch.get_num_threads() > 1:
        parser.error('--clock cpu: set OMP_NUM_THREADS=1 before')
    if 'cuda' in (args.device or ()) and not torch.cuda.is_available():
        parser.error('--device cuda: this machine has no CUDA device')
    if args.device is None:
        cuda = ['cuda'] if torch.cuda.is_available() else []
        args.device = ['cpu', *cuda]
    if args.models is None:
        args.models = [SYNTHETIC] if args.quick else MODELS
    if args.quick:
        args.rounds = min(args.rounds, 5)
    return args


def main() -> None:
    """Measure and report."""
    args = parse_args()
    console = Console(highlight=False)
    warnings.filterwarnings('ignore')
    logging.getLogger('mmengine').setLevel(logging.ERROR)
    if args.redraw:
        results, environment = report.read(args.out)
        report.write(args.out, results, environment)
        console.print(args.out / 'summary.md')
        return
    with tempfile.TemporaryDirectory() as folder:
        if args.profile:
            for file in profile(args, Path(folder)):
                console.print(file)
            return
        environment = describe_environment(
            command_line('research.speed'), args.clock
        )
        results = measure(args, Path(folder))
    report.write(args.out, results, environment)
    for file in sorted(args.out.iterdir()):
        console.print(file)


if __name__ == '__main__':
    main()
