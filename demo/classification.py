"""Train the digits without averaging, with EMA and with SEMA; compare them.

Takes under three minutes on two CPU cores, and needs no download. Writes a
figure, the accuracies of every epoch and the table under ``work_dirs/demo``::

    python -m demo.classification
"""

import argparse
import signal
import sys
import time
from pathlib import Path

from rich.console import Console

from demo.report import Curve, draw, read_curve, table, write_rows
from research.common.training_runs import ROOT, TrainingFailed, run_training

CONFIGS = {
    'baseline': 'resnet18-w16_1xb32-coslr-15e_digits.py',
    'EMA': 'resnet18-w16_1xb32-ema-coslr-15e_digits.py',
    'SEMA': 'resnet18-w16_1xb32-sema-coslr-15e_digits.py',
}


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--work-dir', type=Path, default='work_dirs/demo')
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument(
        '--epochs', type=int, help='instead of those of the configs'
    )
    args = parser.parse_args()
    if args.epochs is not None and args.epochs < 1:
        parser.error(f'--epochs must be at least 1, not {args.epochs}')
    return args


def train(name: str, args: argparse.Namespace, console: Console) -> Curve:
    """Train one of the configs, as ``tools/train.py`` does.

    Args:
        name (str): Key of ``CONFIGS``.
        args (argparse.Namespace): The command line.
        console (Console): Where its epochs are reported.

    Returns:
        Curve: Its accuracies.
    """
    console.rule(f'{name}: configs/digits/{CONFIGS[name]}', align='left')
    folder = args.work_dir / name.lower()
    options = [f'randomness.seed={args.seed}']
    if args.epochs:
        options.append(f'train_cfg.max_epochs={args.epochs}')
        options.append(f'param_scheduler.T_max={args.epochs}')
    config = ROOT / 'configs' / 'digits' / CONFIGS[name]

    def report(epoch: str, metrics: str) -> None:
        console.print(f'epoch {epoch:>2}  {metrics}', style='dim')

    try:
        ends = run_training(config, folder, options, report)
    except TrainingFailed as error:
        console.print(error.output, markup=False, highlight=False)
        sys.exit(f'error: training {name} {error}')
    return read_curve(name, folder, ends)


def main() -> None:
    """Train the three, one after another, and report."""
    args = parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit('error: terminated'))
    console = Console(highlight=False)
    start = time.monotonic()
    try:
        curves = [train(name, args, console) for name in CONFIGS]
    except KeyboardInterrupt:
        sys.exit('error: interrupted; what was trained is kept, run it again.')
    console.print(table(curves, args.seed))
    console.print(
        'average: the averaged weights; origin: the weights that the '
        'optimizer left, before a switch.\nOne seed and 359 validation '
        'images (0.28 % each): this shows how it works, and does not say '
        'which is better.'
    )
    write_rows(curves, args.seed, args.work_dir)
    draw(curves, args.work_dir / 'curves.png')
    for file in ('curves.png', 'curves.csv', 'table.json'):
        console.print(args.work_dir / file)
    console.print(f'{time.monotonic() - start:.0f} s in all')


if __name__ == '__main__':
    main()
