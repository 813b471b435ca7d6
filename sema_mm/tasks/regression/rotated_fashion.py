"""Fashion-MNIST, turned: the angle is to be found."""

from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from mmpretrain.datasets import BaseDataset
from PIL import Image

from .fashion_images import IMAGES, read_images

__all__ = ['RotatedFashion']

#: Black pixels around an image before it is turned: 28 becomes 32.
BORDER = 2


class RotatedFashion(BaseDataset):
    """Base of data sets of Fashion-MNIST images turned by random angles.

    Sample i is image i of the file, turned counter-clockwise about its centre
    without interpolation and without growing. The angle depends on i, on the
    split and on the seed, and on nothing else: not on the order of the
    samples, ``indices``, the process or the global random numbers. Images are
    made when they are asked for; each ``img`` is ``uint8`` of shape
    ``(32, 32, 3)`` in the order red, green, blue, and ``gt_score`` the angle
    in degrees, at least 0 and below 360, ``float32`` of shape ``(1, )``.

    Subclasses draw the angles and dress the turned image.

    Args:
        split (str): ``'train'``, 60,000 images, or ``'test'``, 10,000.
            Defaults to ``'train'``.
        data_root (str): Folder of the files of Fashion-MNIST, packed with
            gzip or not; where it has none, that of Debian's package
            ``dataset-fashion-mnist`` is used. Defaults to
            ``'data/fashion_mnist/'``.
        seed (int): Seed of the random numbers, not negative. Defaults to 0.
        pipeline (Sequence): The transforms. Defaults to ``()``.
        **kwargs: Other arguments of :class:`mmpretrain.datasets.BaseDataset`,
            for example ``indices``.

    Raises:
        ValueError: If ``split`` or ``seed`` is wrong, or the files are not
            there.
    """

    def __init__(
        self,
        split: str = 'train',
        data_root: str = 'data/fashion_mnist/',
        seed: int = 0,
        pipeline: Sequence = (),
        **kwargs: Any,
    ) -> None:
        if split not in IMAGES:
            raise ValueError(
                f"split must be 'train' or 'test', but got {split!r}"
            )
        if not isinstance(seed, int) or seed < 0:
            raise ValueError(
                f'seed={seed!r} must be a whole number, 0 or more'
            )
        self.split = split
        self.seed = seed
        super().__init__(
            ann_file='', data_root=data_root, pipeline=pipeline, **kwargs
        )

    def load_data_list(self) -> list[dict[str, Any]]:
        """Read the images, and draw the angles.

        Returns:
            list[dict]: One ``dict(index=..., gt_score=...)`` for each image,
            in the order of the file.
        """
        self.images = read_images(Path(self.data_root), self.split)
        angles = self.draw_angles(len(self.images)).astype(np.float32)
        angles %= 360  # what was rounded up to it
        return [
            {'index': index, 'gt_score': angle}
            for index, angle in enumerate(angles[:, None])
        ]

    def get_data_info(self, idx: int) -> dict[str, Any]:
        """Make a sample.

        Args:
            idx (int): Its place among the samples.

        Returns:
            dict: The sample, with ``img``.
        """
        info = super().get_data_info(idx)
        index, angle = info['index'], float(info['gt_score'][0])
        image = np.pad(self.images[index], BORDER)
        turned = np.asarray(Image.fromarray(image).rotate(angle))
        info['img'] = self.dress(turned, index, angle)
        return info

    def numbers(self, purpose: int) -> np.random.Generator:
        """Make a generator whose n-th number belongs to sample n.

        Args:
            purpose (int): What the numbers are for, to tell them from others.

        Returns:
            np.random.Generator: The generator.
        """
        return np.random.default_rng(
            [self.seed, list(IMAGES).index(self.split), purpose]
        )

    @abstractmethod
    def draw_angles(self, count: int) -> np.ndarray:
        """Draw the angles of the first samples.

        Args:
            count (int): How many.

        Returns:
            np.ndarray: The angles in degrees, shape ``(count, )``.
        """

    @abstractmethod
    def dress(
        self, turned: np.ndarray, index: int, angle: float
    ) -> np.ndarray:
        """Give a turned image its colours.

        Args:
            turned (np.ndarray): Grey levels, ``uint8`` of shape ``(32, 32)``.
            index (int): Its place in the file.
            angle (float): By how much it is turned, in degrees.

        Returns:
            np.ndarray: The image, ``uint8`` of shape ``(32, 32, 3)``.
        """

    def extra_repr(self) -> list[str]:
        """Name the split and the seed in the printed form of the dataset.

        Returns:
            list[str]: Two lines.
        """
        return [f'Split: \t{self.split}', f'Seed: \t{self.seed}']
