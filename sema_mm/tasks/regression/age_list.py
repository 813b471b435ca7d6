"""Lists of photographs and ages: one ``path,age`` in each line."""

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

__all__ = ['Photo', 'check_photos', 'read_list', 'write_list']


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
            'tools/dataset_converters/age_lists.py, or correct data_root or ann_file'
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


def _raise(source: str, wrong: list[str]) -> None:
    """Raise an error that names the first of several problems."""
    if wrong:
        more = f' (and {len(wrong) - 1} more like it)' if wrong[1:] else ''
        raise ValueError(f'{source}: {wrong[0]}{more}')
