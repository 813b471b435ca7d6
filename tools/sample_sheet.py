"""Draws samples of a config's data set with their targets, as one picture.

What is drawn is what the model gets, after all transforms::

    python tools/sample_sheet.py CONFIG --out sheet.png
    python tools/sample_sheet.py CONFIG --split test --count 40
"""

import argparse
import sys
from pathlib import Path

import matplotlib
from mmengine.config import Config
from mmengine.registry import DATASETS, DefaultScope

matplotlib.use('Agg')
from matplotlib import pyplot  # noqa: E402

COLUMNS = 8


def parse_args() -> argparse.Namespace:
    """Reads the command line.

    Returns:
        argparse.Namespace: The arguments.
    """
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('config', type=Path, metavar='CONFIG')
    parser.add_argument(
        '--split', default='train', choices=['train', 'val', 'test']
    )
    parser.add_argument('--count', type=int, default=4 * COLUMNS)
    parser.add_argument('--out', type=Path, default=Path('sheet.png'))
    return parser.parse_args()


def draw(cfg: Config, split: str, count: int, out: Path) -> None:
    """Draws the first samples of a split.

    Args:
        cfg (Config): The config.
        split (str): ``'train'``, ``'val'`` or ``'test'``.
        count (int): How many samples.
        out (Path): The picture.
    """
    with DefaultScope.overwrite_default_scope(cfg.default_scope):
        dataset = DATASETS.build(cfg[f'{split}_dataloader'].dataset)
    count = min(count, len(dataset))
    rows = -(-count // COLUMNS)
    figure, axes = pyplot.subplots(
        rows, COLUMNS, figsize=(1.3 * COLUMNS, 1.5 * rows), squeeze=False
    )
    for index, axis in enumerate(axes.flat):
        axis.axis('off')
        if index < count:
            sample = dataset[index]
            image = sample['inputs'].permute(1, 2, 0).numpy()
            if cfg.data_preprocessor.get('to_rgb'):
                image = image[..., ::-1]
            axis.imshow(image)
            axis.set_title(f'{sample["data_samples"].gt_score.item():.1f}')
    figure.tight_layout()
    figure.savefig(out)


def main() -> None:
    """Draws the sheet."""
    args = parse_args()
    try:
        cfg = Config.fromfile(args.config)
        draw(cfg, args.split, args.count, args.out)
    except (ImportError, OSError, ValueError) as error:
        sys.exit(f'error: {error}')
    print(f'{args.out}: {args.split} of {args.config.stem}')


if __name__ == '__main__':
    main()
