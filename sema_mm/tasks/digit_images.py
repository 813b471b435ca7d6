"""The handwritten digits that scikit-learn carries, as arrays."""

import numpy as np

#: Sizes of the splits in tenths of the images of one class, in file order.
SPLITS = {'train': (0, 6), 'val': (6, 8), 'test': (8, 10)}


def read_digits(split: str) -> tuple[np.ndarray, np.ndarray]:
    """Read the images of a split.

    Args:
        split (str): Key of :data:`SPLITS`.

    Returns:
        tuple: The images, ``uint8`` of shape ``(N, 8, 8)`` with the 17 grey
        levels 0 to 16 of the source as 0 to 255, and the class of each, of
        shape ``(N, )``; both in file order.

    Raises:
        ImportError: If scikit-learn is missing.
    """
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise ImportError(
            'sema_mm.tasks reads the digits from scikit-learn, which cannot '
            f'be imported ({error}). Install it with '
            '"pip install scikit-learn".'
        ) from error
    source = load_digits()
    chosen = split_indices(source.target, split)
    images = np.round(source.images[chosen] * (255 / 16)).astype(np.uint8)
    return images, source.target[chosen]


def check_split(split: str) -> None:
    """Refuse an unknown split.

    Args:
        split (str): A name.

    Raises:
        ValueError: If it is no key of :data:`SPLITS`.
    """
    if split not in SPLITS:
        raise ValueError(
            f"split must be 'train', 'val' or 'test', but got {split!r}"
        )


def split_indices(labels: np.ndarray, split: str) -> np.ndarray:
    """Choose the images of a split, class by class.

    Args:
        labels (np.ndarray): Class of each image, shape ``(N, )``.
        split (str): Key of :data:`SPLITS`.

    Returns:
        np.ndarray: Increasing indices of the images, 0-based.
    """
    begin, end = SPLITS[split]
    chosen = []
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        count = len(members)
        chosen.append(members[count * begin // 10 : count * end // 10])
    return np.sort(np.concatenate(chosen))
