"""Photographs with ages: their lists, checks and splits."""

import random
from collections import Counter
from pathlib import Path

import pytest

pytest.importorskip('mmpretrain')

from sema_mm.tasks.regression.age_list import (  # noqa: E402
    Photo,
    check_photos,
    read_list,
    split_photos,
    write_list,
)

PHOTOS = [
    Photo('AgeDB/1_Ann_0_f.jpg', 0.0),
    Photo('AgeDB/2_Will Smith _36_m.jpg', 36.0),
    Photo('AgeDB/3_Doe, John_101_m.jpg', 101.0),
    Photo('AgeDB/4_St\u0412phane_26_f.jpg', 26.5),
    Photo(
        b'AgeDB/5_St\x82phane_7_f.jpg'.decode('utf-8', 'surrogateescape'), 7.0
    ),
]
#: Images of each age, and how many of them validation gets of at most 30.
COUNTS = {0: (1, 0), 5: (2, 0), 20: (3, 1), 30: (89, 29), 40: (500, 30)}
OF_AGES = [
    Photo(f'{age}_{number}.jpg', float(age))
    for age, (count, _) in COUNTS.items()
    for number in range(count)
]


def test_what_is_written_is_read(tmp_path):
    write_list(tmp_path / 'a.txt', PHOTOS)
    assert read_list(tmp_path / 'a.txt') == PHOTOS
    lines = (tmp_path / 'a.txt').read_bytes().split(b'\n')
    assert lines[1] == b'AgeDB/2_Will Smith _36_m.jpg,36'


def test_space_and_empty_lines_do_not_matter(tmp_path):
    (tmp_path / 'a.txt').write_text('\n  a.jpg , 3 \r\n\r\nb.jpg,4.5')
    assert read_list(tmp_path / 'a.txt') == [('a.jpg', 3), ('b.jpg', 4.5)]


def test_a_byte_order_mark_does_not_matter(tmp_path):
    (tmp_path / 'a.txt').write_text('a.jpg,3\n', 'utf-8-sig')
    assert read_list(tmp_path / 'a.txt') == [('a.jpg', 3)]


@pytest.mark.parametrize(
    ('text', 'sentence'),
    [
        ('', 'is empty: write one "path,age" in each line, or make'),
        ('\n \n', 'is empty'),
        ('a.jpg,3\nb.jpg,young', "line 2: 'young' is no age in years"),
        ('a.jpg,3\nb.jpg,', "line 2: '' is no age in years"),
        ('a.jpg,3\n\nb.jpg 4', 'line 3 is not "path,age": \'b.jpg 4\''),
        ('age,path,split\n', "line 1: 'split' is no age in years"),
        (
            'a,b\nc,d\ne,f\n',
            "line 1: 'b' is no age in years (and 2 more like it)",
        ),
    ],
)
def test_wrong_lists(tmp_path, text, sentence):
    file = tmp_path / 'a.txt'
    file.write_text(text)
    with pytest.raises(ValueError) as caught:
        read_list(file)
    assert sentence in str(caught.value)
    assert str(caught.value).startswith(str(file))
    assert '\n' not in str(caught.value)


@pytest.mark.parametrize(
    ('age', 'sentence'),
    [
        (999, 'the age 999 of a.jpg is not between 0 and 120 years'),
        (-1, 'the age -1 of a.jpg is not'),
        (float('nan'), 'the age nan of a.jpg is not'),
        (float('inf'), 'the age inf of a.jpg is not'),
    ],
)
def test_impossible_ages(tmp_path, age, sentence):
    (tmp_path / 'a.jpg').touch()
    with pytest.raises(ValueError, match=f'^here: {sentence}'):
        check_photos([Photo('a.jpg', age)], tmp_path, (0, 120), 'here')


def test_missing_images(tmp_path):
    (tmp_path / 'a.jpg').touch()
    photos = [Photo(name, 0.0) for name in ('a.jpg', 'b.jpg', 'c.jpg')]
    check_photos(photos[:1], tmp_path, (0, 120), 'here')
    with pytest.raises(ValueError) as caught:
        check_photos(photos, tmp_path, (0, 120), 'here')
    missing = Path(tmp_path, 'b.jpg')
    assert str(caught.value) == (
        f'here: there is no image {missing}: correct data_root or '
        'data_prefix, or remove it from the list (and 1 more like it)'
    )


def test_sizes_follow_the_rule():
    split = split_photos(OF_AGES, 30)
    of_age = {n: Counter(p.age for p in part) for n, part in split.items()}
    for age, (count, size) in COUNTS.items():
        assert of_age['val'][age] == of_age['test'][age] == size
        assert of_age['train'][age] == count - 2 * size


def test_parts_are_disjoint_and_complete():
    parts = split_photos(OF_AGES, 30).values()
    assert sorted(photo for part in parts for photo in part) == sorted(OF_AGES)


def test_neither_order_nor_random_numbers_matter():
    first = split_photos(OF_AGES, 30)
    for seed in range(3):
        random.seed(seed)
        mixed = random.sample(OF_AGES, len(OF_AGES))
        assert split_photos(mixed, 30) == first
    # With one photograph more, few others change sides.
    more = split_photos([*OF_AGES, Photo('40_more.jpg', 40.0)], 30)
    assert len({*more['test']} ^ {*first['test']}) <= 2


def test_it_is_the_same_everywhere():
    test = [photo.path for photo in split_photos(OF_AGES, 2)['test']]
    names = '20_0 30_38 30_83 40_319 40_439'
    assert test == [f'{name}.jpg' for name in names.split()]


def test_the_choice_does_not_follow_the_numbers_of_the_files():
    test = split_photos(OF_AGES, 30)['test']
    numbers = [int(p.path[3:-4]) for p in test if p.age == 40]
    assert min(numbers) < 100 and max(numbers) > 400
