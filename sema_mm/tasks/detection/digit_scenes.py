"""Pictures composed of real digits, with the mask of each digit."""

from dataclasses import dataclass

import numpy as np

#: Pixels along each side of a scene.
SIDE = 128
#: The least and the greatest number of digits that are thrown on a scene.
COUNT = (4, 8)
#: The least and the greatest height of a digit's image, in pixels.
HEIGHT = (28, 64)
#: Width of a digit's image in percent of its height.
ASPECT = (75, 110)
#: A digit of which less than this share stays visible is left out.
VISIBLE = 0.75
#: Grey levels of a digit between which it goes from clear to opaque.
EDGE = (70, 160)
#: Levels of a digit's colour.
INK = (100, 255)
#: One channel of it is at least as bright as this.
BRIGHT = 200
#: Levels of the background's colour, before its spots.
PAPER = (30, 90)


@dataclass
class Scene:
    """A picture and what is in it.

    Attributes:
        image (np.ndarray): Pixels in the order blue, green, red, ``uint8``
            of shape ``(SIDE, SIDE, 3)``.
        labels (list[int]): Class of each digit, the lowest digit first.
        masks (list[np.ndarray]): Its visible pixels, ``bool`` of shape
            ``(SIDE, SIDE)``; no pixel belongs to two digits.
    """

    image: np.ndarray
    labels: list[int]
    masks: list[np.ndarray]


@dataclass
class _Digit:
    label: int
    alpha: np.ndarray
    colour: np.ndarray
    visible: np.ndarray


def compose_scene(
    images: np.ndarray, labels: np.ndarray, rng: np.random.Generator
) -> Scene:
    """Throw some digits on a dark background, one over another.

    Only whole numbers are drawn, and only sums, products and comparisons of
    single elements follow, so that the pixels do not depend on rounding.

    Args:
        images (np.ndarray): Digits to choose from, ``uint8`` of shape
            ``(N, 8, 8)``.
        labels (np.ndarray): Class of each, shape ``(N, )``.
        rng (np.random.Generator): What chooses.

    Returns:
        Scene: The scene; at least one digit is in it.
    """
    canvas = _background(rng)
    thrown = [
        _throw(images, labels, canvas, rng)
        for _ in range(rng.integers(*COUNT, endpoint=True))
    ]
    digits = _uncovered(thrown)
    for digit in digits:
        alpha = digit.alpha[:, :, None]
        canvas += alpha * (digit.colour - canvas)
    canvas += rng.integers(-12, 12, canvas.shape, endpoint=True)
    return Scene(
        np.round(np.clip(canvas, 0, 255)).astype(np.uint8),
        [digit.label for digit in digits],
        [digit.visible for digit in digits],
    )


def _background(rng: np.random.Generator) -> np.ndarray:
    """Paint large soft spots over a colour, and finer ones over them."""
    colour = rng.integers(*PAPER, (1, 1, 3), endpoint=True)
    canvas = np.zeros((SIDE, SIDE, 3)) + colour
    for cells, strength in ((4, 25), (16, 15)):
        spots = rng.integers(-strength, strength, (cells, cells, 3))
        for channel in range(3):
            canvas[..., channel] += enlarge(spots[..., channel], SIDE, SIDE)
    return canvas


def _throw(
    images: np.ndarray,
    labels: np.ndarray,
    canvas: np.ndarray,
    rng: np.random.Generator,
) -> _Digit:
    """Choose a digit, its size, place and colour."""
    chosen = rng.integers(len(images))
    height = int(rng.integers(*HEIGHT, endpoint=True))
    width = height * int(rng.integers(*ASPECT, endpoint=True)) // 100
    top = rng.integers(SIDE - height, endpoint=True)
    left = rng.integers(SIDE - width, endpoint=True)
    place = np.s_[top : top + height, left : left + width]
    low, high = EDGE
    alpha = np.zeros((SIDE, SIDE))
    levels = enlarge(images[chosen], height, width)
    alpha[place] = np.clip((levels - low) / (high - low), 0, 1)
    colour = _ink(rng)
    return _Digit(int(labels[chosen]), alpha, colour, alpha >= 0.5)


def _ink(rng: np.random.Generator) -> np.ndarray:
    colour = rng.integers(*INK, 3, endpoint=True)
    colour[rng.integers(3)] = rng.integers(BRIGHT, 255, endpoint=True)
    return colour


def _uncovered(thrown: list[_Digit]) -> list[_Digit]:
    """Leave out what is mostly hidden, and take the hidden pixels away."""
    taken = np.zeros((SIDE, SIDE), bool)
    kept: list[_Digit] = []
    for digit in reversed(thrown):
        visible = digit.visible & ~taken
        if visible.sum() < VISIBLE * digit.visible.sum():
            continue
        taken |= visible
        digit.visible = visible
        kept.insert(0, digit)
    return kept


def enlarge(image: np.ndarray, height: int, width: int) -> np.ndarray:
    """Resize an image bilinearly, the centres of its corners aligned.

    Args:
        image (np.ndarray): An image, shape ``(H, W)``.
        height (int): Its new height in pixels.
        width (int): Its new width.

    Returns:
        np.ndarray: The resized image, ``float64``.
    """
    lower = image.astype(np.float64)
    for axis, size in enumerate((height, width)):
        last = lower.shape[axis] - 1
        place = np.clip(
            (np.arange(size) + 0.5) * (last + 1) / size - 0.5, 0, last
        )
        below = np.minimum(place.astype(int), last - 1)
        share = (place - below).reshape((-1, 1) if axis == 0 else (1, -1))
        one = np.take(lower, below, axis)
        two = np.take(lower, below + 1, axis)
        lower = one + share * (two - one)
    return lower
