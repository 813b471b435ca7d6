"""The split of a data set of ages into training, validation and test."""

import hashlib
import os
from collections import defaultdict
from collections.abc import Iterable

from .age_list import Photo

__all__ = ['SPLITS', 'split_photos']

SPLITS = ('train', 'val', 'test')


def split_photos(
    photos: Iterable[Photo], largest: int
) -> dict[str, list[Photo]]:
    """Split photographs so that validation and test have ages evenly.

    The sizes are by the rule of AgeDB-DIR and IMDB-WIKI-DIR (Yang et al.,
    "Delving into Deep Imbalanced Regression", arXiv 2102.09554): of each age,
    a third of the images, rounded down, but at most ``largest``, is for the
    validation, as many are for the test, and the rest is for training. Which
    ones is decided by the SHA-256 of their paths: no random number is drawn,
    and the order in which the photographs come does not matter. One person
    may be on all sides.

    Args:
        photos (Iterable[Photo]): The photographs.
        largest (int): The most images of one age in validation and test.

    Returns:
        dict[str, list[Photo]]: The photographs of ``'train'``, ``'val'`` and
        ``'test'``, each sorted by path.
    """
    of_age = defaultdict(list)
    for photo in photos:
        of_age[photo.age].append(photo)
    split: dict[str, list[Photo]] = {name: [] for name in SPLITS}
    for same in of_age.values():
        same.sort(key=_key)
        size = min(len(same) // 3, largest)
        split['val'] += same[:size]
        split['test'] += same[size : 2 * size]
        split['train'] += same[2 * size :]
    return {name: sorted(part) for name, part in split.items()}


def _key(photo: Photo) -> str:
    return hashlib.sha256(os.fsencode(photo.path)).hexdigest()
