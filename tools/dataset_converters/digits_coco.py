"""Make the scenes of digits, and print what is in them.

The configs do this themselves when they need it::

    python tools/dataset_converters/digits_coco.py
    python tools/dataset_converters/digits_coco.py --data-root DIR --seed 1
"""

import argparse
import sys
from pathlib import Path

try:
    from sema_mm.tasks.detection import DigitsCoco
except ImportError as problem:
    sys.exit(f'error: {problem}')


def parse_args() -> argparse.Namespace:
    """Parse the command line.

    Returns:
        argparse.Namespace: The arguments.
    """
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--data-root', default='data/digits_coco/')
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument(
        '--splits',
        nargs='+',
        default=['train', 'val', 'test'],
        choices=['train', 'val', 'test'],
    )
    return parser.parse_args()


def main() -> None:
    """Make the splits."""
    args = parse_args()
    for split in args.splits:
        try:
            dataset = DigitsCoco(
                split, seed=args.seed, data_root=args.data_root
            )
        except (ImportError, OSError, ValueError) as error:
            sys.exit(f'error: {error}')
        digits = sum(
            len(dataset.get_data_info(index)['instances'])
            for index in range(len(dataset))
        )
        folder = Path(args.data_root, split)
        print(f'{folder}: {len(dataset)} scenes, {digits} digits')


if __name__ == '__main__':
    main()
