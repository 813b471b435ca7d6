"""Paired differences, against formulas by hand and counts of all signs."""

import gc
import itertools
import math

import numpy as np
import pytest
from scipy import stats

from research.common.paired import compare, holm

FIRST = {0: 92.1, 1: 91.4, 2: 92.8, 3: 91.9, 7: 92.0}
SECOND = {7: 91.6, 3: 91.7, 2: 92.2, 1: 91.5, 0: 91.8}
# 0.3, -0.1, 0.6, 0.2, 0.4
MEAN = 0.28
STD = math.sqrt((0.02**2 + 0.38**2 + 0.32**2 + 0.08**2 + 0.12**2) / 4)
# Student's t with 4 degrees of freedom, from a table.
T_95, T_99 = 2.776445, 4.604095


def test_mean_spread_and_interval():
    found = compare(FIRST, SECOND)
    assert found.n == 5
    assert found.mean == pytest.approx(MEAN)
    assert found.std == pytest.approx(STD)
    half = T_95 * STD / math.sqrt(5)
    wanted = (MEAN - half, MEAN + half)
    assert found.interval() == pytest.approx(wanted, rel=1e-6)
    # Five at once at 95 %: each at 99 %.
    half = T_99 * STD / math.sqrt(5)
    wanted = (MEAN - half, MEAN + half)
    assert found.interval(comparisons=5) == pytest.approx(wanted, rel=1e-6)


def test_t_test_and_interval_agree():
    found = compare(FIRST, SECOND)
    low, high = found.interval(1 - found.p_t)
    assert low == pytest.approx(0, abs=1e-9)
    assert high == pytest.approx(2 * MEAN)


def signed_ranks(differences):
    """Count the signs whose sum of ranks lies as far from its middle."""
    ranks = stats.rankdata(np.abs(differences))
    middle = ranks.sum() / 2
    far = abs(ranks[np.array(differences) > 0].sum() - middle)
    signs = itertools.product((0, 1), repeat=len(ranks))
    sums = [abs(np.dot(s, ranks) - middle) for s in signs]
    return np.mean(np.array(sums) >= far - 1e-9)


@pytest.mark.parametrize(
    'differences',
    [
        [0.3, -0.1, 0.6, 0.2, 0.4],
        [0.5, 0.5, -0.5, 0.25, 0.75, 0.25],  # with ties
        [1.0, 2.0, 3.0, 4.0, 5.0],
        [1.0, -2.0, 3.0, -4.0, 5.0, -6.0],
    ],
)
def test_signed_ranks_are_counted(differences):
    first = dict(enumerate(differences))
    found = compare(first, dict.fromkeys(first, 0.0))
    assert found.p_wilcoxon == pytest.approx(signed_ranks(differences))


def test_what_is_equal_differs_in_nothing():
    found = compare(FIRST, {s: v + 1e-13 for s, v in FIRST.items()})
    assert (found.mean, found.std) == (0, 0)
    assert found.interval() == (0, 0)
    assert (found.p_t, found.p_wilcoxon) == (1, 1)


def test_order_turns_the_sign_alone():
    found, turned = compare(FIRST, SECOND), compare(SECOND, FIRST)
    assert turned.mean == -found.mean
    assert turned.p_t == pytest.approx(found.p_t)
    assert turned.p_wilcoxon == found.p_wilcoxon


def test_intervals_hold_as_often_as_they_say():
    """Of 2000 samples of a mean of 1, 95 % of the intervals contain it."""
    samples = np.random.default_rng(0).normal(1, 2, (2000, 5))
    zeros = dict.fromkeys(range(5), 0.0)
    contained = 0
    for sample in samples:
        found = compare(dict(enumerate(sample)), zeros)
        low, high = found.interval()
        contained += low < 1 < high
    assert contained / 2000 == pytest.approx(0.95, abs=0.015)


def test_holm_by_hand():
    # Sorted 0.01, 0.02, 0.03, 0.2: times 4, 3, 2, 1, and none before larger.
    assert holm([0.03, 0.01, 0.2, 0.02]) == pytest.approx(
        [0.06, 0.04, 0.2, 0.06]
    )
    assert holm([0.9, 0.6]) == [1.0, 1.0]
    assert holm([0.04]) == [0.04]
    assert holm([]) == []


def test_holm_keeps_its_word():
    """Of families without any effect, 5 % or fewer have a rejection."""
    families = np.random.default_rng(1).uniform(size=(4000, 8))
    gc.freeze()  # statsmodels collects garbage in each call.
    try:
        rejected = np.mean([min(holm(list(f))) < 0.05 for f in families])
    finally:
        gc.unfreeze()
    uncorrected = np.mean(families.min(1) < 0.05)
    assert rejected < 0.06
    assert uncorrected > 0.3


@pytest.mark.parametrize(
    'first, second, message',
    [
        ({0: 1.0, 1: 2.0, 2: 1.0}, {0: 1.0, 3: 1.0}, r'seeds \[1, 2, 3\]'),
        ({0: 1.0}, {0: 2.0}, '1 seeds have no spread'),
        ({0: 1.0, 4: math.nan}, {0: 1.0, 4: 1.0}, r'seeds \[4\].*finite'),
    ],
)
def test_wrong_values(first, second, message):
    with pytest.raises(ValueError, match=message):
        compare(first, second)


def test_wrong_arguments():
    found = compare(FIRST, SECOND)
    with pytest.raises(ValueError, match='level=95 must lie'):
        found.interval(95)
    with pytest.raises(ValueError, match='comparisons=0'):
        found.interval(comparisons=0)
    with pytest.raises(ValueError, match='p-values must lie'):
        holm([0.1, math.nan])
