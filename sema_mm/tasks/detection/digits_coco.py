"""Scenes of real digits with boxes and masks, for mmdet."""

from pathlib import Path
from typing import Any, Optional

from mmdet.datasets import CocoDataset
from mmdet.registry import DATASETS

from ..digit_images import check_split
from .coco_folder import INSTANCES, make_folder

__all__ = ['DigitsCoco']

#: Scenes of a split, where nothing else is asked for.
SCENES = {'train': 400, 'val': 100, 'test': 100}


@DATASETS.register_module()
class DigitsCoco(CocoDataset):
    """Real digits on dark, spotted backgrounds, 128 x 128 pixels, as COCO.

    The digits are those of :class:`sema_mm.tasks.classification.Digits`, in
    its splits: no image of a training scene is in a validation scene. Up to
    eight are thrown on each scene, their 8 x 8 pixels enlarged to a height of
    28 to 64, each in one colour. A later digit hides an earlier one, whose
    mask and box are those of what is visible; one of which less than three
    quarters would stay visible is left out.

    The first use makes the scenes, in seconds, in
    ``data_root/split/instances.json`` and pictures beside it.
    ``CocoMetric`` reads the same file, which is there as soon as the dataset
    is built::

        val_evaluator = dict(
            type='CocoMetric',
            ann_file='data/digits_coco/val/instances.json',
            metric=['bbox', 'segm'],
        )

    Args:
        split (str): ``'train'``, ``'val'`` or ``'test'``.
            Defaults to ``'train'``.
        scenes (int, optional): Number of scenes. Defaults to None, which is
            400 for training and 100 otherwise.
        seed (int): Seed of the scenes. Defaults to 0.
        data_root (str): Folder of the splits. Scenes in it that were made
            with other arguments are replaced.
            Defaults to ``'data/digits_coco/'``.
        **kwargs: Other arguments of :class:`mmdet.datasets.CocoDataset`,
            such as ``pipeline``; ``ann_file`` and ``data_prefix`` follow from
            the split.

    Raises:
        ValueError: If an argument is out of range, or ``data_root`` holds a
            folder of that name which is not ours.
    """

    METAINFO = {
        'classes': tuple('0123456789'),
        'palette': [
            (230, 25, 75),
            (60, 180, 75),
            (255, 225, 25),
            (0, 130, 200),
            (245, 130, 48),
            (145, 30, 180),
            (70, 240, 240),
            (240, 50, 230),
            (210, 245, 60),
            (250, 190, 212),
        ],
    }

    def __init__(
        self,
        split: str = 'train',
        scenes: Optional[int] = None,
        seed: int = 0,
        data_root: str = 'data/digits_coco/',
        **kwargs: Any,
    ) -> None:
        check_split(split)
        scenes = SCENES[split] if scenes is None else scenes
        for name, value, least in (('scenes', scenes, 1), ('seed', seed, 0)):
            if not isinstance(value, int) or value < least:
                raise ValueError(
                    f'{name} must be an integer of at least {least}, but got '
                    f'{value!r}'
                )
        make_folder(Path(data_root, split), split, scenes, seed)
        super().__init__(
            data_root=data_root,
            ann_file=f'{split}/{INSTANCES}',
            data_prefix={'img': f'{split}/'},
            **kwargs,
        )
