"""Train Mask R-CNN with SEMA on scenes of digits, and draw what it finds.

Takes under six minutes on two CPU cores, and needs no download. Writes the
checkpoint, the metrics of every epoch, and a picture of validation scenes
with what is in them beside what the model finds, under
``work_dirs/demo_detection``::

    python -m demo.detection
"""

import argparse
import re
import signal
import sys
import time
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from research.common.training_runs import (
    ROOT,
    TrainingFailed,
    read_validations,
    run_training,
)

try:
    from demo.detection_picture import draw, predict
except ImportError as problem:
    sys.exit(f'error: the demo needs mmdet ({problem}): run make setup')

CONFIG = 'mask-rcnn_r18-w32_fpn_1xb8-6e-sema_digits-coco.py'
QUICK = [
    'train_cfg.max_epochs=1',
    'param_scheduler.1.T_max=1',
    'train_dataloader.dataset.indices=40',
    'val_dataloader.dataset.indices=20',
]
METRICS = {
    'boxes': 'coco/bbox_mAP',
    'boxes, IoU 0.5': 'coco/bbox_mAP_50',
    'masks': 'coco/segm_mAP',
    'masks, IoU 0.5': 'coco/segm_mAP_50',
}


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument(
        '--work-dir', type=Path, default='work_dirs/demo_detection'
    )
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument(
        '--quick',
        action='store_true',
        help='one epoch on a tenth of the scenes, to see that all works',
    )
    return parser.parse_args()


def train(args: argparse.Namespace, console: Console) -> None:
    """Train the config, as ``tools/train.py`` does.

    Args:
        args (argparse.Namespace): The command line.
        console (Console): Where its epochs are reported.
    """
    console.rule(f'configs/digits/{CONFIG}', align='left')
    options = [f'randomness.seed={args.seed}', *(QUICK if args.quick else [])]
    config = ROOT / 'configs' / 'digits' / CONFIG

    def report(epoch: str, metrics: str) -> None:
        values = dict(re.findall(r'(\S+): (\S+)', metrics))
        text = ', '.join(f'{n} {values[m]}' for n, m in METRICS.items())
        console.print(f'epoch {epoch}  {text}', style='dim')

    try:
        run_training(config, args.work_dir, options, report)
    except TrainingFailed as error:
        console.print(error.output, markup=False, highlight=False)
        sys.exit(f'error: training {error}')


def table(last: dict[str, Any]) -> Table:
    """Show the last validation.

    Args:
        last (dict): What was logged of it.

    Returns:
        Table: The table.
    """
    result = Table(title=f'mAP after epoch {last["step"]}')
    result.add_column('of')
    for title in ('average', 'origin'):
        result.add_column(title, justify='right')
    for name, metric in METRICS.items():
        values = (last[metric], last[f'{metric}_origin'])
        result.add_row(name, *(f'{value:.3f}' for value in values))
    return result


def main() -> None:
    """Train, tabulate and draw."""
    args = parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit('error: terminated'))
    console = Console(highlight=False)
    start = time.monotonic()
    try:
        train(args, console)
    except KeyboardInterrupt:
        sys.exit('error: interrupted; run it again.')
    last = read_validations(args.work_dir, METRICS['boxes'])[-1]
    console.print(table(last))
    console.print(
        'average: the averaged weights; origin: the weights that the '
        'optimizer left, before a switch.'
    )
    config = ROOT / 'configs' / 'digits' / CONFIG
    picture = args.work_dir / 'predictions.png'
    draw(predict(config, args.work_dir), picture)
    console.print(picture)
    console.print(f'{time.monotonic() - start:.0f} s in all')


if __name__ == '__main__':
    main()
