"""The images of Fashion-MNIST, from its own files."""

import gzip
import zlib
from pathlib import Path

import numpy as np

__all__ = ['DEBIAN', 'FILES', 'read_images']

#: Where Debian's package ``dataset-fashion-mnist`` has the files.
DEBIAN = Path('/usr/share/datasets/fashion-mnist')
#: The images of each split, packed with gzip or not.
FILES = {'train': 'train-images-idx3-ubyte', 'test': 't10k-images-idx3-ubyte'}
#: The first bytes of a file of unsigned bytes with three dimensions.
MAGIC = b'\0\0\x08\x03'


def read_images(root: Path, split: str) -> np.ndarray:
    """Read the images of a split.

    Args:
        root (Path): Folder of the files; where it has none, that of Debian's
            package is tried.
        split (str): Key of :data:`FILES`.

    Returns:
        np.ndarray: The images, ``uint8`` of shape ``(N, 28, 28)``.

    Raises:
        ValueError: If there is no such file, it is damaged, or it holds
            something else.
    """
    file = _find(root, FILES[split])
    opened = gzip.open if file.suffix == '.gz' else open
    try:
        with opened(file, 'rb') as stream:
            content = stream.read()
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise ValueError(
            f'{file} is damaged ({error}): download it again'
        ) from error
    head, pixels = content[:16].ljust(16), content[16:]
    shape = tuple(np.frombuffer(head, '>u4')[1:].astype(int))
    if head[:4] != MAGIC or len(pixels) != np.prod(shape):
        raise ValueError(f'{file} is not a file of images in IDX format')
    return np.frombuffer(pixels, np.uint8).reshape(shape)


def _find(root: Path, name: str) -> Path:
    for folder in (root, DEBIAN):
        for file in (folder / name, folder / f'{name}.gz'):
            if file.is_file():
                return file
    raise ValueError(
        f'there is no {name} or {name}.gz of Fashion-MNIST in {root}: put it '
        "there, or install Debian's package dataset-fashion-mnist"
    )
