"""STL-10 from its binary files, for mmpretrain."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from mmpretrain.datasets import BaseDataset
from mmpretrain.registry import DATASETS

__all__ = ['STL10']

#: Number of images of each split.
SPLITS = {'train': 5000, 'test': 8000, 'unlabeled': 100000}
SIDE = 96
CLASSES = (
    *('airplane', 'bird', 'car', 'cat', 'deer'),
    *('dog', 'horse', 'monkey', 'ship', 'truck'),
)


@DATASETS.register_module()
class STL10(BaseDataset):
    """113,000 colour photos of 96 x 96 pixels; 13,000 in 10 classes.

    Coates, Lee and Ng, *An Analysis of Single-Layer Networks in Unsupervised
    Feature Learning*, AISTATS 2011, https://cs.stanford.edu/~acoates/stl10/.
    ``data_root`` is the folder of ``stl10_binary.tar.gz`` or the folder
    ``stl10_binary`` that it unpacks to; nothing is downloaded.

    A file of images (``train_X.bin``) holds them one after another as bytes,
    each as three planes (red, green, blue) of 96 columns of 96 pixels; one
    of labels (``train_y.bin``) a byte for each, from 1 to 10. The images are
    mapped into memory and read when they are asked for, so that the
    unlabelled ones (2.8 GB) take none.

    Each image is a ``uint8`` array of shape ``(96, 96, 3)`` in the order
    blue, green, red, as mmpretrain's ``LoadImageFromFile`` returns.

    Args:
        data_root (str): Folder of the binary files.
        split (str): ``'train'`` (5,000 images), ``'test'`` (8,000), or
            ``'unlabeled'`` (100,000, of no known class, without
            ``gt_label``). Defaults to ``'train'``.
        pipeline (Sequence): The transforms; the image is in ``img`` and its
            class, from 0, in ``gt_label``. Defaults to ``()``.
        **kwargs: Other arguments of :class:`mmpretrain.datasets.BaseDataset`,
            for example ``indices``.

    Raises:
        ValueError: If ``split`` is none of the three names, or a file is too
            short, too long, or holds other labels.
        FileNotFoundError: If a file is missing.
    """

    METAINFO = {'classes': CLASSES}

    def __init__(
        self,
        data_root: str,
        split: str = 'train',
        pipeline: Sequence = (),
        **kwargs: Any,
    ) -> None:
        if split not in SPLITS:
            raise ValueError(
                "split must be 'train', 'test' or 'unlabeled', but got "
                f'{split!r}'
            )
        self.split = split
        super().__init__(
            ann_file='', data_root=data_root, pipeline=pipeline, **kwargs
        )

    def load_data_list(self) -> list[dict[str, Any]]:
        """Check the files, and read the labels.

        Returns:
            list[dict]: For each image its place in the file, from 0, and
            its class, if it is known.

        Raises:
            ValueError: If a file holds something else.
        """
        folder = _find_folder(Path(self.data_root))
        count = SPLITS[self.split]
        self._file = folder / f'{self.split}_X.bin'
        _map(self._file, (count, 3, SIDE, SIDE))
        if self.split == 'unlabeled':
            return [{'place': place} for place in range(count)]
        path = folder / f'{self.split}_y.bin'
        labels = _map(path, (count,)).astype(np.int64) - 1
        if labels.min() < 0 or labels.max() >= len(CLASSES):
            raise ValueError(
                f"'{path}' holds labels other than 1 to 10: it is no file of "
                "STL-10's labels"
            )
        return [
            {'place': place, 'gt_label': int(label)}
            for place, label in enumerate(labels)
        ]

    def get_data_info(self, idx: int) -> dict[str, Any]:
        """Read one image.

        Args:
            idx (int): Its number in the data set.

        Returns:
            dict: What is known of it, with the pixels in ``img``.
        """
        info = super().get_data_info(idx)
        # Mapped anew, as a map that is sent to a worker would be a copy.
        shape = (SPLITS[self.split], 3, SIDE, SIDE)
        planes = _map(self._file, shape)[info.pop('place')]
        # From (colour, column, row), red first.
        info['img'] = np.ascontiguousarray(planes[::-1].transpose(2, 1, 0))
        return info

    def extra_repr(self) -> list[str]:
        """Name the split in the printed form of the dataset.

        Returns:
            list[str]: The lines to add.
        """
        return [f'Split: \t\t\t{self.split}']


def _find_folder(root: Path) -> Path:
    """Find the folder of the binary files."""
    inner = root / 'stl10_binary'
    return inner if inner.is_dir() else root


def _map(path: Path, shape: tuple[int, ...]) -> np.ndarray:
    """Map a file of bytes into memory."""
    if not path.is_file():
        raise FileNotFoundError(
            f"there is no '{path}': download stl10_binary.tar.gz from "
            'https://cs.stanford.edu/~acoates/stl10/, unpack it, and give '
            'its folder as data_root'
        )
    size, wanted = path.stat().st_size, int(np.prod(shape))
    if size != wanted:
        raise ValueError(
            f"'{path}' has {size:,} bytes in place of {wanted:,}: it is not "
            'whole, or no file of STL-10; download it again'
        )
    return np.memmap(path, np.uint8, 'r', shape=shape)
