"""Draw samples of a config's data set with their targets, as one picture.

What is drawn is what the model gets, after all transforms: of several views
of an image the first, with the number or the label to predict, if any::

    python tools/visualization/sample_sheet.py CONFIG --out sheet.png
    python tools/visualization/sample_sheet.py CONFIG --split test --count 40
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Union

import matplotlib
from mmengine.config import Config
from mmengine.registry import DATASETS, DefaultScope
from mmengine.structures import BaseDataElement
from torch import Tensor

matplotlib.use('Agg')
from matplotlib import pyplot  # noqa: E402

COLUMNS = 8


def parse_args() -> argparse.Namespace:
    """Parse the command line.

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
    args = parser.parse_args()
    if args.count < 1:
        parser.error(f'--count {args.count} must be 1 or more')
    return args


def draw(cfg: Config, split: str, count: int, out: Path) -> None:
    """Draws the first samples of a split.

    Args:
        cfg (Config): The config.
        split (str): ``'train'``, ``'val'`` or ``'test'``.
        count (int): How many samples.
        out (Path): The picture.

    Raises:
        ValueError: If the config has no such data.
    """
    loader = cfg.get(f'{split}_dataloader')
    if not loader:
        raise ValueError(f'the config has no {split}_dataloader')
    with DefaultScope.overwrite_default_scope(cfg.get('default_scope')):
        dataset = DATASETS.build(loader.dataset)
    blue_first = stores_blue_first(cfg)
    count = min(count, len(dataset))
    rows = -(-count // COLUMNS)
    figure, axes = pyplot.subplots(
        rows, COLUMNS, figsize=(1.3 * COLUMNS, 1.5 * rows), squeeze=False
    )
    for index, axis in enumerate(axes.flat):
        axis.axis('off')
        if index < count:
            sample = dataset[index]
            image = first_view(sample['inputs']).permute(1, 2, 0).numpy()
            axis.imshow(image[..., ::-1] if blue_first else image)
            axis.set_title(title(sample['data_samples']))
    figure.tight_layout()
    figure.savefig(out)


def stores_blue_first(cfg: Config) -> bool:
    """Tells whether the model reverses the channels of its images.

    Args:
        cfg (Config): The config.

    Returns:
        bool: As its data preprocessor says, of mmpretrain or mmdet.
    """
    model = cfg.get('model') or {}
    found = model.get('data_preprocessor') or cfg.get('data_preprocessor')
    found = found or {}
    return bool(found.get('to_rgb') or found.get('bgr_to_rgb'))


def first_view(inputs: Union[Tensor, Sequence[Tensor]]) -> Tensor:
    """Return the first of several views of an image.

    Args:
        inputs (Tensor | Sequence[Tensor]): One image, or its views.

    Returns:
        Tensor: The image.
    """
    return inputs if isinstance(inputs, Tensor) else inputs[0]


def title(sample: BaseDataElement) -> str:
    """Write what is to be predicted.

    Args:
        sample (BaseDataElement): The sample.

    Returns:
        str: Its number, or its labels, or nothing.
    """
    if 'gt_score' in sample:
        return f'{sample.gt_score.item():.1f}'
    labels = sample.get('gt_label', ())
    return ', '.join(f'{int(label)}' for label in labels)


def main() -> None:
    """Draws the sheet."""
    args = parse_args()
    try:
        cfg = Config.fromfile(args.config)
        draw(cfg, args.split, args.count, args.out)
    except (ImportError, OSError, RuntimeError, ValueError) as error:
        sys.exit(f'error: {error}')
    print(f'{args.out}: {args.split} of {args.config.stem}')


if __name__ == '__main__':
    main()
