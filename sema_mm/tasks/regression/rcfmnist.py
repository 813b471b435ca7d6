"""Rotated-coloured Fashion-MNIST."""

from typing import Any, Optional

import numpy as np
from mmpretrain.registry import DATASETS

from .rotated_fashion import RotatedFashion

__all__ = ['COLOURS', 'RCFMNIST', 'colour']

COLOURS = ('angle', 'reversed', 'random')
#: Pixels up to this level stay as they are.
BACKGROUND = 5
ANGLES, FOLLOWS, RANDOM = range(3)


@DATASETS.register_module()
class RCFMNIST(RotatedFashion):
    """Rotated-coloured Fashion-MNIST, where the colour misleads.

    By C-Mixup (Yao et al., arXiv 2210.05775, and its published code): angles
    are drawn evenly from the circle, and a garment is coloured between blue
    and red. In training the share of red is ``angle / 360`` in most images
    and ``1 - angle / 360`` in the others; in the test it is the other way
    round, so that a model that goes by colour fails there.

    C-Mixup splits the training images of Fashion-MNIST in 40,000, 10,000 and
    10,000, turns 28 x 28 pixels and predicts ``angle / 360``. Here training
    has all 60,000 and the test the 10,000 of the test file, as in Switch EMA;
    a border of two pixels comes before the turn; the target is in degrees;
    and each image draws whether it follows, so that the share is met on
    average.

    Args:
        colours (str): ``'angle'``, ``'reversed'``, or ``'random'``, where the
            colour says nothing. Defaults to ``'angle'``.
        share (float, optional): The share of the images that follow
            ``colours``; the others do the reverse. Not with ``'random'``.
            Defaults to None, which is 0.8.
        **kwargs: Other arguments of :class:`RotatedFashion`.

    Raises:
        ValueError: If an argument is wrong.
    """

    def __init__(
        self,
        *,
        colours: str = 'angle',
        share: Optional[float] = None,
        **kwargs: Any,
    ) -> None:
        if colours not in COLOURS:
            raise ValueError(
                f"colours must be 'angle', 'reversed' or 'random', but got "
                f'{colours!r}'
            )
        if share is not None and colours == 'random':
            raise ValueError(f"share={share} has no effect, colours='random'")
        self.share = 0.8 if share is None else share
        if not 0 <= self.share <= 1:
            raise ValueError(f'share={share} must be between 0 and 1')
        self.colours = colours
        super().__init__(**kwargs)

    def draw_angles(self, count: int) -> np.ndarray:
        """Draw the angles and whether the colours follow.

        Args:
            count (int): How many.

        Returns:
            np.ndarray: Angles in degrees, evenly from 0 to 360, shape
            ``(count, )``.
        """
        self.reds = self.numbers(RANDOM).random(count)
        follows = self.numbers(FOLLOWS).random(count) < self.share
        angles = self.numbers(ANGLES).uniform(0, 360, count)
        if self.colours != 'random':
            straight = follows == (self.colours == 'angle')
            self.reds = np.where(straight, angles / 360, 1 - angles / 360)
        return angles

    def dress(
        self, turned: np.ndarray, index: int, angle: float
    ) -> np.ndarray:
        """Colour a turned image.

        Args:
            turned (np.ndarray): Grey levels, ``uint8`` of shape ``(32, 32)``.
            index (int): Its place in the file.
            angle (float): Not used.

        Returns:
            np.ndarray: The image, ``uint8`` of shape ``(32, 32, 3)``.
        """
        return colour(turned, self.reds[index])


def colour(image: np.ndarray, red: float) -> np.ndarray:
    """Colour a grey image between blue and red.

    Args:
        image (np.ndarray): Grey levels, ``uint8`` of shape ``(H, W)``. Those
            up to 5, of 255, are background and stay grey.
        red (float): The share of red, from 0 to 1; the rest is blue.

    Returns:
        np.ndarray: The image, ``uint8`` of shape ``(H, W, 3)``.
    """
    levels = np.arange(256)[:, None]
    mixed = np.round(levels * [red, 0, 1 - red])
    return np.where(levels > BACKGROUND, mixed, levels).astype(np.uint8)[image]
