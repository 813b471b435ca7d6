"""IMDB-WIKI: ages of people in photographs of the web."""

import datetime
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from mmpretrain.registry import DATASETS
from scipy.io import loadmat

from .age_dataset import AgeDataset
from .age_list import Photo

__all__ = ['LARGEST', 'IMDBWiki', 'age_in_years', 'read_meta']

FIELDS = 'full_path', 'dob', 'photo_taken', 'face_score', 'second_face_score'
#: The most images of one age in validation and test, as in IMDB-WIKI-DIR.
LARGEST = 150
#: Detections of faces with a lower score are not used.
LEAST_SCORE = 1.0
#: Matlab's day number minus Python's.
MATLAB_DAYS = 366


@DATASETS.register_module()
class IMDBWiki(AgeDataset):
    """Photographs of faces from IMDb and Wikipedia with the person's age.

    IMDB-WIKI (Rothe et al., International Journal of Computer Vision, 2018)
    has 523,051 images, of which those with one clear face and a possible age
    are used. ``tools/dataset_converters/age_lists.py imdb-wiki`` finds them
    and writes the lists.

    Args:
        data_root (str): Folder with the folders ``imdb_crop`` and
            ``wiki_crop``. Defaults to ``'data/imdb_wiki/'``.
        ann_file (str): A list, as for :class:`AgeDataset`. Defaults to
            ``'train.txt'``.
        age_range (Sequence[float]): As for :class:`AgeDataset`. Defaults to
            ``(0, 120)``.
        pipeline (Sequence): The transforms. Defaults to ``()``.
        **kwargs: Other arguments of :class:`mmpretrain.datasets.BaseDataset`.

    Raises:
        ValueError: As for :class:`AgeDataset`.
    """

    def __init__(
        self,
        data_root: str = 'data/imdb_wiki/',
        ann_file: str = 'train.txt',
        age_range: Sequence[float] = (0, 120),
        pipeline: Sequence = (),
        **kwargs: Any,
    ) -> None:
        super().__init__(data_root, ann_file, age_range, pipeline, **kwargs)


def read_meta(
    root: Path, name: str, age_range: tuple[float, float] = (0, 120)
) -> tuple[list[Photo], Counter]:
    """Read one of the two tables, and leave out what is of no use.

    An image is used if a face was found with a score of at least 1, no second
    face was found, and the age is possible: the filter of Yang et al. (arXiv
    2102.09554), but for the ages, which end at 200 years there.

    Args:
        root (Path): Folder with ``imdb_crop`` and ``wiki_crop``, as the
            archives unpack.
        name (str): ``'imdb'`` or ``'wiki'``.
        age_range (tuple[float, float]): The smallest and the greatest age in
            years. Defaults to ``(0, 120)``.

    Returns:
        tuple: The photographs, and how many were left out for each reason.

    Raises:
        ValueError: If the file cannot be read, or has no such table.
    """
    columns = _read_columns(root / f'{name}_crop' / f'{name}.mat', name)
    photos, left_out = [], Counter[str]()
    for path, born, taken, score, second in zip(*columns):
        age = age_in_years(born, taken)
        reason = _reason(age, age_range, score, second)
        if reason:
            left_out[reason] += 1
        else:
            photos.append(Photo(f'{name}_crop/{path[0]}', age))
    return photos, left_out


def _read_columns(file: Path, name: str) -> list[np.ndarray]:
    """Read the columns of a table."""
    with file.open('rb') as stream:
        try:
            table = loadmat(stream).get(name)
        except Exception as error:  # scipy raises many kinds
            raise ValueError(
                f'{file} cannot be read as a Matlab file '
                f'({type(error).__name__}: {error}): unpack it again'
            ) from error
    if table is None:
        raise ValueError(f'{file} has no table {name!r}')
    missing = set(FIELDS).difference(table.dtype.names or ())
    if missing:
        raise ValueError(
            f'the table {name!r} of {file} has no {", ".join(sorted(missing))}'
        )
    return [table[field][0, 0].ravel() for field in FIELDS]


def age_in_years(born: float, taken: float) -> float:
    """Compute the age in the middle of a year.

    Args:
        born (float): Day of birth in Matlab's count (``datenum``), from 1 for
            1 January of the year 0.
        taken (float): The year of the photograph.

    Returns:
        float: Completed years; NaN for a day that is in no calendar, or NaN.
    """
    try:
        day = datetime.date.fromordinal(int(born) - MATLAB_DAYS)
    except (ValueError, OverflowError):
        return float('nan')
    return float(taken - day.year - (day.month >= 7))


def _reason(
    age: float, age_range: tuple[float, float], score: float, second: float
) -> str:
    """Name why an image is of no use; nothing if it is."""
    if not np.isfinite(score) or score < LEAST_SCORE:
        return 'no clear face'
    if second > 0:
        return 'a second face'
    if not age_range[0] <= age <= age_range[1]:
        return 'an impossible age'
    return ''
