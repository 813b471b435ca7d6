"""The images and labels of Fashion-MNIST, from its own files."""

import gzip
import zlib
from pathlib import Path

import numpy as np

__all__ = ['DEBIAN', 'IMAGES', 'LABELS', 'read_images', 'read_labels']

#: Where Debian's package ``dataset-fashion-mnist`` has the files.
DEBIAN = Path('/usr/share/datasets/fashion-mnist')
#: The images of each split, packed with gzip or not.
IMAGES = {'train': 'train-images-idx3-ubyte', 'test': 't10k-images-idx3-ubyte'}
#: The labels of each split, likewise.
LABELS = {'train': 'train-labels-idx1-ubyte', 'test': 't10k-labels-idx1-ubyte'}


def read_images(root: Path, split: str) -> np.ndarray:
    """Read the images of a split.

    Args:
        root (Path): Folder of the files; where it has none, that of Debian's
            package is tried.
        split (str): Key of :data:`IMAGES`.

    Returns:
        np.ndarray: The images, ``uint8`` of shape ``(N, 28, 28)``.

    Raises:
        ValueError: If there is no such file, it is damaged, or it holds
            something else.
    """
    return _read(root, IMAGES[split], 3, 'images')


def read_labels(root: Path, split: str) -> np.ndarray:
    """Read the labels of a split, as :func:`read_images`.

    Args:
        root (Path): Folder of the files.
        split (str): Key of :data:`LABELS`.

    Returns:
        np.ndarray: The labels from 0 to 9, ``uint8`` of shape ``(N, )``.
    """
    return _read(root, LABELS[split], 1, 'labels')


def _read(root: Path, name: str, axes: int, content: str) -> np.ndarray:
    file = _find(root, name)
    opened = gzip.open if file.suffix == '.gz' else open
    try:
        with opened(file, 'rb') as stream:
            found = stream.read()
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise ValueError(
            f'{file} is damaged ({error}): download it again'
        ) from error
    # Two zeros, 8 for unsigned bytes, the number of axes; then their lengths.
    border = 4 * (1 + axes)
    head, values = found[:border].ljust(border), found[border:]
    shape = tuple(np.frombuffer(head, '>u4')[1:].astype(int))
    if head[:4] != bytes([0, 0, 8, axes]) or len(values) != np.prod(shape):
        raise ValueError(f'{file} is not a file of {content} in IDX format')
    return np.frombuffer(values, np.uint8).reshape(shape)


def _find(root: Path, name: str) -> Path:
    for folder in (root, DEBIAN):
        for file in (folder / name, folder / f'{name}.gz'):
            if file.is_file():
                return file
    raise ValueError(
        f'there is no {name} or {name}.gz of Fashion-MNIST in {root}: put it '
        "there, or install Debian's package dataset-fashion-mnist"
    )
