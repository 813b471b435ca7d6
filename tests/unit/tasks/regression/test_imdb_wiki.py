"""The tables of IMDB-WIKI."""

import datetime
import math
from collections import Counter

import numpy as np
import pytest
from scipy.io import savemat

pytest.importorskip('mmpretrain')

from sema_mm.tasks.regression.imdb_wiki import (  # noqa: E402
    age_in_years,
    read_meta,
)

#: Matlab's own example: datenum(2000, 1, 1).
YEAR_2000 = 730486
DAY = datetime.date(2000, 1, 1)


def datenum(*day):
    return YEAR_2000 + (datetime.date(*day) - DAY).days


#: path, day of birth, year of the photograph, scores of the faces
ROWS = [
    ('00/a.jpg', datenum(1950, 3, 9), 1980, 4.5, np.nan),
    ('00/b.jpg', datenum(1950, 8, 9), 1980, 1.0, np.nan),
    ('01/no face.jpg', datenum(1950, 8, 9), 1980, -np.inf, np.nan),
    ('01/blurred.jpg', datenum(1950, 8, 9), 1980, 0.9, np.nan),
    ('01/two.jpg', datenum(1950, 8, 9), 1980, 4.5, 2.0),
    ('01/unborn.jpg', datenum(1990, 8, 9), 1980, 4.5, np.nan),
    ('01/old.jpg', datenum(1700, 8, 9), 1980, 4.5, np.nan),
    ('01/no day.jpg', 0, 1980, 4.5, np.nan),
]


def write_table(root, name, rows=ROWS, day=np.int32):
    folder = root / f'{name}_crop'
    folder.mkdir(parents=True)
    path, born, taken, score, second = zip(*rows)
    paths = np.empty((1, len(rows)), object)
    paths[0] = path
    table = dict(
        dob=np.array([born], day),
        photo_taken=np.array([taken], np.uint16),
        full_path=paths,
        face_score=np.array([score]),
        second_face_score=np.array([second]),
    )
    savemat(folder / f'{name}.mat', {name: table})


def test_ages_are_completed_years_in_the_middle_of_the_year():
    for month, age in ((1, 30), (6, 30), (7, 29), (12, 29)):
        for day in (1, 28):
            assert age_in_years(datenum(1950, month, day), 1980) == age
    assert age_in_years(YEAR_2000, 2000) == 0
    assert age_in_years(YEAR_2000 - 1, 2000) == 0  # 31 December 1999
    assert math.isnan(age_in_years(0, 1980))
    assert math.isnan(age_in_years(-5, 1980))
    assert math.isnan(age_in_years(10**8, 1980))
    assert math.isnan(age_in_years(math.nan, 1980))
    assert math.isnan(age_in_years(YEAR_2000, math.nan))


@pytest.mark.parametrize('name', ['imdb', 'wiki'])
def test_what_is_used_and_what_is_not(tmp_path, name):
    write_table(tmp_path, name)
    photos, left_out = read_meta(tmp_path, name)
    assert photos == [
        (f'{name}_crop/00/a.jpg', 30.0),
        (f'{name}_crop/00/b.jpg', 29.0),
    ]
    assert left_out == Counter(
        {'no clear face': 2, 'a second face': 1, 'an impossible age': 3}
    )


def test_the_range_of_ages_can_be_changed(tmp_path):
    write_table(tmp_path, 'wiki')
    photos, _ = read_meta(tmp_path, 'wiki', (0, 300))
    assert [photo.age for photo in photos] == [30, 29, 279]


def test_another_table(tmp_path):
    write_table(tmp_path, 'wiki')
    (tmp_path / 'imdb_crop').mkdir()
    (tmp_path / 'wiki_crop/wiki.mat').rename(tmp_path / 'imdb_crop/imdb.mat')
    with pytest.raises(ValueError, match="imdb.mat has no table 'imdb'"):
        read_meta(tmp_path, 'imdb')


def test_a_day_that_is_missing(tmp_path):
    rows = [*ROWS, ('01/nan.jpg', np.nan, 1980, 4.5, np.nan)]
    write_table(tmp_path, 'wiki', rows, np.float64)
    photos, left_out = read_meta(tmp_path, 'wiki')
    assert len(photos) == 2
    assert left_out['an impossible age'] == 4


def test_broken_files(tmp_path):
    write_table(tmp_path, 'wiki')
    file = tmp_path / 'wiki_crop/wiki.mat'
    whole = file.read_bytes()
    for content in (b'', b'nothing', whole[:200], whole[:-40], b'x' * 900):
        file.write_bytes(content)
        with pytest.raises(ValueError, match='wiki.mat cannot be read as a'):
            read_meta(tmp_path, 'wiki')
    for other in (dict(dob=np.array([1.0])), np.array([1.0])):
        savemat(file, dict(wiki=other))
        with pytest.raises(ValueError, match='wiki.mat has no .*full_path, '):
            read_meta(tmp_path, 'wiki')
