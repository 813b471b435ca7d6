"""White silhouettes of garments on photographs."""

from typing import Any

import numpy as np
from mmpretrain.datasets import CIFAR10
from mmpretrain.registry import DATASETS

from .rotated_fashion import RotatedFashion

__all__ = ['FashionSilhouettes']

#: Pixels of a garment above this level become white.
BACKGROUND = 2
#: Angles are multiples of this, in degrees.
STEP = 6


@DATASETS.register_module()
class FashionSilhouettes(RotatedFashion):
    """What the published code of Switch EMA calls RCFMNIST.

    White silhouettes of turned garments on images of CIFAR-10, by angles of
    0, 6, 12 ... 354 degrees; no colour depends on the angle. Sample i has
    image i of the same split of CIFAR-10 behind it, counted again from the
    first after the last.

    There, silhouettes are painted into the array of CIFAR-10, so that the
    last 10,000 of the 60,000 training images show a second one; and angles
    are drawn from Python's global random numbers when the data set is built.
    Here each image has one silhouette, and its angle depends on the seed.

    Args:
        cifar10_root (str): Folder of CIFAR-10, as for
            :class:`mmpretrain.datasets.CIFAR10`, which downloads it where it
            is missing. Defaults to ``'data/cifar10/'``.
        **kwargs: Other arguments of :class:`RotatedFashion`.
    """

    def __init__(
        self, *, cifar10_root: str = 'data/cifar10/', **kwargs: Any
    ) -> None:
        self.cifar10_root = cifar10_root
        super().__init__(**kwargs)

    def load_data_list(self) -> list[dict[str, Any]]:
        """Read the backgrounds as well.

        Returns:
            list[dict]: As for :class:`RotatedFashion`.
        """
        cifar10 = CIFAR10(self.cifar10_root, self.split, serialize_data=False)
        self.backgrounds = np.stack([one['img'] for one in cifar10.data_list])
        return super().load_data_list()

    def draw_angles(self, count: int) -> np.ndarray:
        """Draw the angles.

        Args:
            count (int): How many.

        Returns:
            np.ndarray: Angles in degrees, multiples of 6, shape
            ``(count, )``.
        """
        return STEP * self.numbers(0).integers(360 // STEP, size=count)

    def dress(
        self, turned: np.ndarray, index: int, angle: float
    ) -> np.ndarray:
        """Put the silhouette on a photograph.

        Args:
            turned (np.ndarray): Grey levels, ``uint8`` of shape ``(32, 32)``.
            index (int): Its place in the file.
            angle (float): Not used.

        Returns:
            np.ndarray: The image, ``uint8`` of shape ``(32, 32, 3)``.
        """
        behind = self.backgrounds[index % len(self.backgrounds)]
        garment = turned[..., None] > BACKGROUND
        return np.where(garment, np.uint8(255), behind)
