"""The vote of the nearest neighbours, against scikit-learn."""

import numpy as np
import pytest
import torch
from sklearn.neighbors import KNeighborsClassifier
from torch.nn.functional import normalize

from sema_mm.tasks.selfsup.nearest_neighbours import nearest, vote
from tests.helpers import counting

CLASSES = 7


@pytest.fixture
def data():
    generator = torch.Generator().manual_seed(1)
    bank = normalize(torch.randn(300, 9, generator=generator).double())
    queries = normalize(torch.randn(50, 9, generator=generator).double())
    labels = torch.randint(CLASSES, (300,), generator=generator)
    return bank, labels, queries


@pytest.mark.parametrize('k', [1, 20, 300])
@pytest.mark.parametrize('temperature', [0.07, 1.0])
@pytest.mark.parametrize('chunk', [11, 64, 1000])
def test_scores_are_those_of_scikit_learn(data, k, temperature, chunk):
    bank, labels, queries = data
    oracle = KNeighborsClassifier(
        k,
        metric='cosine',
        algorithm='brute',
        weights=lambda distance: np.exp((1 - distance) / temperature),
    ).fit(bank, labels)
    cosines, rows = nearest(queries, bank, k, chunk)
    scores = vote(cosines, labels[rows], CLASSES, temperature)
    expected = torch.from_numpy(oracle.predict_proba(queries))
    torch.testing.assert_close(scores, expected, rtol=1e-9, atol=1e-12)


def test_the_temperature_and_k_matter(data):
    bank, labels, queries = data

    def scores(k, temperature):
        cosines, rows = nearest(queries, bank, k)
        return vote(cosines, labels[rows], CLASSES, temperature)

    assert not torch.allclose(scores(20, 0.07), scores(20, 1.0), atol=0.01)
    assert not torch.allclose(scores(20, 0.07), scores(40, 0.07), atol=0.01)


def test_neighbours_come_in_order(data):
    bank, _, queries = data
    cosines, rows = nearest(queries, bank, 5, chunk=7)
    whole, where = (queries @ bank.T).topk(5)
    assert torch.equal(rows, where)
    torch.testing.assert_close(cosines, whole)


def test_the_whole_product_is_never_held():
    bank, queries = torch.randn(40000, 4), torch.randn(30, 4)
    product = len(bank) * len(queries) * 4
    few, _ = counting.allocations(lambda: nearest(queries, bank, 5, 1000))
    all_at_once, _ = counting.allocations(lambda: nearest(queries, bank, 5))
    assert all_at_once >= product
    assert few < product / 10
