"""Fashion-MNIST in memory: training, validation and test images."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor

from sema_mm.tasks.regression.fashion_images import (
    LABELS,
    read_images,
    read_labels,
)

#: Mean and standard deviation of the training images, from 0 to 1.
MEAN, DEVIATION = 0.2860, 0.3530


@dataclasses.dataclass(frozen=True)
class Images:
    """Images with their classes.

    Attributes:
        images (Tensor): ``(N, 1, 28, 28)``, normalised.
        labels (Tensor): ``(N, )``, whole numbers.
    """

    images: Tensor
    labels: Tensor

    def part(self, places: slice) -> 'Images':
        """Return views of some of them."""
        return Images(self.images[places], self.labels[places])

    def batches(self, size: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield images and labels in their order."""
        yield from zip(self.images.split(size), self.labels.split(size))

    def shuffled(
        self, size: int, generator: torch.Generator
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """Go through them once at random, half of them mirrored.

        What does not fill a batch is left out.

        Args:
            size (int): Images in a batch.
            generator (torch.Generator): Draws the order and the mirrors.

        Yields:
            tuple[Tensor, Tensor]: Images and labels.
        """
        order = torch.randperm(len(self.labels), generator=generator)
        for chosen in order[: len(order) // size * size].split(size):
            images = self.images[chosen]
            mirrored = torch.rand(size, generator=generator) < 0.5
            images[mirrored] = images[mirrored].flip(-1)
            yield images, self.labels[chosen]


@dataclasses.dataclass(frozen=True)
class Splits:
    """What is trained on, what chooses, and what is reported.

    Attributes:
        train (Images): The first images of the training file.
        val (Images): Its last images.
        test (Images): The test file.
    """

    train: Images
    val: Images
    test: Images


def read_splits(root: Path, images: int, validation: int) -> Splits:
    """Read Fashion-MNIST.

    Args:
        root (Path): Folder of its files; where it has none, that of Debian's
            package is tried.
        images (int): Images of the training file.
        validation (int): How many of them, from the end, are for the
            validation.

    Returns:
        Splits: The three splits.

    Raises:
        ValueError: If a file is missing or damaged, or the validation would
            leave nothing to train on.
    """
    train, test = (_read(root, split) for split in ('train', 'test'))
    if len(train.labels) != images:
        raise ValueError(
            f'the training file has {len(train.labels)} images, and '
            f'data.images={images}: write the number of the file'
        )
    if not 0 < validation < images:
        raise ValueError(
            f'data.validation={validation} must be from 1 to {images - 1}, '
            f'as data.images={images}'
        )
    border = images - validation
    first, last = slice(0, border), slice(border, images)
    return Splits(train.part(first), train.part(last), test)


def _read(root: Path, split: str) -> Images:
    pixels = torch.from_numpy(read_images(root, split).copy())
    images = (pixels[:, None].float() / 255 - MEAN) / DEVIATION
    images = images.contiguous(memory_format=torch.channels_last)
    labels = torch.tensor(read_labels(root, split), dtype=torch.int64)
    if len(labels) != len(images):
        raise ValueError(
            f'{LABELS[split]} has {len(labels)} labels for {len(images)} '
            'images: the files do not belong together, download them again'
        )
    return Images(images, labels)
