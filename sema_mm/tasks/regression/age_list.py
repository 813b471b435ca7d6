"""Photographs with ages: their lists, checks and splits."""

import hashlib
import os
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

__all__ = [
    'SPLITS',
    'Photo',
    'check_photos',
    'read_list',
    'split_photos',
    'write_list',
]

SPLITS = ('train', 'val', 'test')


class Photo(NamedTuple):
    """A photograph of a person.

    Attributes:
        path (str): The image, relative to the folder of the data set.
        age (float): Age in years.
    """

    path: str
    age: float


def read_list(file: Path) -> list[Photo]:
    """Read a list.

    Args:
        file (Path): Text in UTF-8, with or without a byte order mark, but for
            names of files that are not. A path may hold commas; the age
            follows the last one.

    Returns:
        list[Photo]: The photographs, in the order of the lines.

    Raises:
        ValueError: If there is no such file, a line is no path and number,
            or there is no line.
    """
    if not file.is_file():
        raise ValueError(
            f'there is no list {file}: make the lists with '
            'tools/dataset_converters/age_lists.py, or correct data_root or '
            'ann_file'
        )
    photos, wrong = [], []
    lines = file.read_text('utf-8-sig', 'surrogateescape').splitlines()
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        path, _, age = map(str.strip, line.rpartition(','))
        if not path:
            wrong.append(f'line {number} is not "path,age": {line.strip()!r}')
            continue
        try:
            photos.append(Photo(path, float(age)))
        except ValueError:
            wrong.append(f'line {number}: {age!r} is no age in years')
    _raise(str(file), wrong)
    if not photos:
        raise ValueError(
            f'{file} is empty: write one "path,age" in each line, or make the '
            'lists with tools/dataset_converters/age_lists.py'
        )
    return photos


def write_list(file: Path, photos: Iterable[Photo]) -> None:
    """Write a list.

    Args:
        file (Path): What is written, or replaced.
        photos (Iterable[Photo]): The photographs.
    """
    lines = (f'{photo.path},{photo.age:g}\n' for photo in photos)
    file.write_text(''.join(lines), 'utf-8', 'surrogateescape')


def check_photos(
    photos: Iterable[Photo],
    folder: Path,
    age_range: tuple[float, float],
    source: str,
) -> None:
    """Check that each image is there, with a possible age.

    Args:
        photos (Iterable[Photo]): The photographs.
        folder (Path): The folder of the data set.
        age_range (tuple[float, float]): The smallest and the greatest age in
            years.
        source (str): Where the photographs are listed, for the error.

    Raises:
        ValueError: If an image is missing or an age is out of range.
    """
    low, high = age_range
    wrong = []
    for path, age in photos:
        if not low <= age <= high:
            wrong.append(
                f'the age {age:g} of {path} is not between {low:g} and '
                f'{high:g} years: correct it, or set age_range'
            )
        elif not (folder / path).is_file():
            wrong.append(
                f'there is no image {folder / path}: correct data_root or '
                'data_prefix, or remove it from the list'
            )
    _raise(source, wrong)


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


def _raise(source: str, wrong: list[str]) -> None:
    """Raise an error that names the first of several problems."""
    if wrong:
        more = f' (and {len(wrong) - 1} more like it)' if wrong[1:] else ''
        raise ValueError(f'{source}: {wrong[0]}{more}')


def _key(photo: Photo) -> str:
    return hashlib.sha256(os.fsencode(photo.path)).hexdigest()
