"""Photographs with ages, for mmpretrain."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from mmpretrain.datasets import BaseDataset
from mmpretrain.registry import DATASETS

from .age_list import Photo, check_photos, read_list

__all__ = ['AgeDataset']


@DATASETS.register_module()
class AgeDataset(BaseDataset):
    """Photographs from a list, with the age as target.

    Each sample has its image in ``img_path`` and the age in years in
    ``gt_score``, ``float32`` of shape ``(1, )``.

    Args:
        data_root (str): Folder of the data set; the paths in the list are
            relative to it, or to ``data_prefix`` in it.
        ann_file (str): The list, one ``path,age`` in each line, relative to
            ``data_root``.
        age_range (Sequence[float]): The smallest and the greatest age in
            years. Defaults to ``(0, 120)``.
        pipeline (Sequence): The transforms. Defaults to ``()``.
        **kwargs: Other arguments of :class:`mmpretrain.datasets.BaseDataset`,
            for example ``indices``.

    Raises:
        ValueError: If ``age_range`` is no range; and when the list is read,
            if it is missing or empty, a line of it is no path and number, an
            age is out of range, or an image is missing.
    """

    def __init__(
        self,
        data_root: str,
        ann_file: str,
        age_range: Sequence[float] = (0, 120),
        pipeline: Sequence = (),
        **kwargs: Any,
    ) -> None:
        self.age_range = _checked_range(age_range)
        super().__init__(
            ann_file=ann_file,
            data_root=data_root,
            pipeline=pipeline,
            **kwargs,
        )

    def load_data_list(self) -> list[dict[str, Any]]:
        """Read and check the list.

        Returns:
            list[dict]: One ``dict(img_path=..., gt_score=...)`` for each
            image, in the order of the list.
        """
        source, photos = self.read_photos()
        folder = Path(self.img_prefix)
        check_photos(photos, folder, self.age_range, source)
        return [
            {
                'img_path': str(folder / photo.path),
                'gt_score': np.array([photo.age], np.float32),
            }
            for photo in photos
        ]

    def read_photos(self) -> tuple[str, list[Photo]]:
        """Read the photographs.

        Returns:
            tuple: Where they are listed, for errors, and the photographs.
        """
        return self.ann_file, read_list(Path(self.ann_file))


def _checked_range(age_range: Any) -> tuple[float, float]:
    """Check that a range is two numbers in order."""
    try:
        low, high = map(float, age_range)
    except (TypeError, ValueError):
        low, high = 1, 0
    if not low <= high:
        raise ValueError(
            f'age_range={age_range!r} must be the smallest and the greatest '
            'age in years, for example (0, 120)'
        )
    return low, high
