"""The split by ages."""

import random
from collections import Counter

import pytest

pytest.importorskip('mmpretrain')

from sema_mm.tasks.regression.age_list import Photo  # noqa: E402
from sema_mm.tasks.regression.age_split import split_photos  # noqa: E402

#: Images of each age, and how many of them validation gets of at most 30.
COUNTS = {0: (1, 0), 5: (2, 0), 20: (3, 1), 30: (89, 29), 40: (500, 30)}
PHOTOS = [
    Photo(f'{age}_{number}.jpg', float(age))
    for age, (count, _) in COUNTS.items()
    for number in range(count)
]


def test_sizes_follow_the_rule():
    split = split_photos(PHOTOS, 30)
    of_age = {n: Counter(p.age for p in part) for n, part in split.items()}
    for age, (count, size) in COUNTS.items():
        assert of_age['val'][age] == of_age['test'][age] == size
        assert of_age['train'][age] == count - 2 * size


def test_parts_are_disjoint_and_complete():
    parts = split_photos(PHOTOS, 30).values()
    assert sorted(photo for part in parts for photo in part) == sorted(PHOTOS)


def test_neither_order_nor_random_numbers_matter():
    first = split_photos(PHOTOS, 30)
    for seed in range(3):
        random.seed(seed)
        mixed = random.sample(PHOTOS, len(PHOTOS))
        assert split_photos(mixed, 30) == first
    # With one photograph more, few others change sides.
    more = split_photos([*PHOTOS, Photo('40_more.jpg', 40.0)], 30)
    assert len({*more['test']} ^ {*first['test']}) <= 2


def test_it_is_the_same_everywhere():
    test = [photo.path for photo in split_photos(PHOTOS, 2)['test']]
    names = '20_0 30_38 30_83 40_319 40_439'
    assert test == [f'{name}.jpg' for name in names.split()]


def test_the_choice_does_not_follow_the_numbers_of_the_files():
    test = split_photos(PHOTOS, 30)['test']
    numbers = [int(p.path[3:-4]) for p in test if p.age == 40]
    assert min(numbers) < 100 and max(numbers) > 400
