"""Measures what averaging costs: ours, every peer's, and the floor.

Writes environment.json, rows.csv, counts.csv, summary.md and plot.png::

    pip install -r requirements/benchmark.txt
    python -m research.speed --out benchmarks/NAME
"""

import argparse
import logging
import os
import shlex
import sys
import tempfile
import warnings
from pathlib import Path

import torch
from rich.console import Console

from research.common.environment import describe_environment

from . import report
from .models import MODELS, SYNTHETIC
from .session import measure, profile


def parse_args() -> argparse.Namespace:
    """Reads the command line.

    Returns:
        argparse.Namespace: The arguments.
    """
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
        default=Path('work_dirs/benchmark_averaging'),
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


def command_line() -> str:
    """Writes the command as anyone can repeat it.

    Returns:
        str: It, with the name of the folder in place of its path.
    """
    given = iter(sys.argv[1:])
    threads = os.environ.get('OMP_NUM_THREADS')
    words = [f'OMP_NUM_THREADS={threads}'] if threads else []
    words += ['python', '-m', 'research.speed']
    for word in given:
        words.append(word)
        if word == '--out':
            words.append(f'benchmarks/{Path(next(given)).name}')
    return shlex.join(words)


def main() -> None:
    """Measures and reports."""
    args = parse_args()
    console = Console(highlight=False)
    warnings.filterwarnings('ignore')
    logging.getLogger('mmengine').setLevel(logging.ERROR)
    if args.redraw:
        results, surroundings = report.read(args.out)
        report.write(args.out, results, surroundings)
        console.print(args.out / 'summary.md')
        return
    with tempfile.TemporaryDirectory() as folder:
        if args.profile:
            for file in profile(args, Path(folder)):
                console.print(file)
            return
        surroundings = describe_environment(command_line(), args.clock)
        results = measure(args, Path(folder))
    report.write(args.out, results, surroundings)
    for file in sorted(args.out.iterdir()):
        console.print(file)


if __name__ == '__main__':
    main()
