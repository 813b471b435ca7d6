"""The estimate of the trace, its error, and how both shrink."""

import statistics

import pytest
import torch
from torch import nn

from research.analysis.hessian import trace
from tests.helpers.dense_hessian import dense_hessian, network, quadratic

criterion = nn.CrossEntropyLoss()
SEEDS = range(40)


def deviation_of_a_term(hessian):
    off = hessian - torch.diag(hessian.diagonal())
    return float((2 * (off**2).sum()).sqrt())


@pytest.mark.parametrize('mode', ['eval', 'train'])
def test_it_closes_in_on_the_dense_trace(mode):
    model, batches = network('batch norm')
    hessian = dense_hessian(model, batches, mode)
    exact, spread = float(hessian.trace()), deviation_of_a_term(hessian)
    for samples in (16, 64, 256):
        found, _ = trace(model, criterion, batches, samples, mode)
        error = spread / samples**0.5
        assert abs(found - exact) < 3 * error
    for wrong in (-exact, exact * 15, float(hessian.abs().sum())):
        assert abs(found - wrong) > 3 * error


def test_of_a_diagonal_hessian_one_vector_is_enough():
    diagonal = torch.tensor([1.0, -2, 5, 0, 3, 0.5]).double()
    model, _, batches, *_ = quadratic(6)

    def loss(outputs, targets):
        return (diagonal * (outputs - targets) ** 2).sum(dim=1).mean() / 2

    assert trace(model, loss, batches, samples=2) == pytest.approx((7.5, 0))


@pytest.mark.parametrize('samples', [8, 32])
def test_the_error_is_that_of_the_closed_form(samples):
    model, loss_fn, batches, matrix, _ = quadratic()
    found = [trace(model, loss_fn, batches, samples, seed=s) for s in SEEDS]
    wanted = deviation_of_a_term(matrix) / samples**0.5
    off = [value - float(matrix.trace()) for value, _ in found]
    # The relative error of a root mean square of 40 terms is 0.11.
    assert statistics.fmean(x**2 for x in off) ** 0.5 == pytest.approx(
        wanted, rel=0.33
    )
    said = statistics.fmean(error**2 for _, error in found) ** 0.5
    assert said == pytest.approx(wanted, rel=0.33)
    assert said != pytest.approx(wanted * samples**0.5, rel=0.29)


def test_more_than_a_chunk_and_not_a_multiple():
    model, loss_fn, batches, matrix, _ = quadratic()
    few, many = (trace(model, loss_fn, batches, n, seed=1) for n in (8, 19))
    generator = torch.Generator().manual_seed(1)
    terms = []
    for _ in range(19):
        z = torch.randint(0, 2, (6,), generator=generator).double() * 2 - 1
        terms.append(float(z @ matrix @ z))
    assert few[0] == pytest.approx(statistics.fmean(terms[:8]))
    assert many[0] == pytest.approx(statistics.fmean(terms))
    assert many[1] == pytest.approx(statistics.stdev(terms) / 19**0.5)


def test_wrong_input():
    model, loss_fn, batches, *_ = quadratic()
    with pytest.raises(ValueError, match='samples=1 must be at least 2'):
        trace(model, loss_fn, batches, samples=1)
