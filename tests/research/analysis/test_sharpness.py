"""Rises of the loss against closed forms and dense oracles."""

import statistics

import pytest
import torch
from torch import nn

from research.analysis.filter_norms import filter_norms
from research.analysis.mean_loss import MeanLoss
from research.analysis.sharpness import average_case, worst_case
from tests.helpers.dense_hessian import (
    dense_hessian,
    network,
    quadratic,
    quadratic_loss,
)

criterion = nn.CrossEntropyLoss()


@pytest.mark.parametrize('radius', [0.01, 0.3, 2.0])
def test_one_step_is_that_of_sam(radius):
    model, loss_fn, batches, matrix, gradient = quadratic()
    way = gradient / gradient.norm()
    slope = radius * float(gradient.norm())
    bend = radius**2 * float(way @ matrix @ way) / 2
    found = worst_case(model, loss_fn, batches, radius)
    assert found == pytest.approx(slope + bend, rel=1e-12)
    for wrong in (slope, slope - bend, -slope + bend):
        assert found != pytest.approx(wrong, rel=1e-5)


def at_the_minimum():
    """A convex quadratic loss near its minimum, and its eigenvalues."""
    model, _, batches, matrix, _ = quadratic()
    matrix = matrix @ matrix
    samples = torch.cat([inputs for inputs, _ in batches])
    with torch.no_grad():
        model.weights.copy_(samples.mean(dim=0) + 1e-9)
    return model, batches, matrix, torch.linalg.eigvalsh(matrix)


def test_many_steps_find_the_largest_curvature():
    model, batches, matrix, values = at_the_minimum()
    exact = 0.5**2 * float(values[-1]) / 2
    rises = [
        worst_case(model, quadratic_loss(matrix), batches, 0.5, steps)
        for steps in (1, 2, 4, 8, 16, 32, 64)
    ]
    assert rises == sorted(rises) and rises[0] < 0.999 * exact
    assert rises[-1] == pytest.approx(exact, rel=1e-6)
    assert rises[-1] != pytest.approx(0.5**2 * float(values[-2]) / 2)


def test_it_never_leaves_the_ball():
    model, batches = network('mlp')
    center = [p.detach().clone() for p in model.parameters()]
    lengths = []

    def loss_fn(outputs, targets):
        apart = [p.detach() - c for p, c in zip(model.parameters(), center)]
        lengths.append(float(torch.cat([d.flatten() for d in apart]).norm()))
        return criterion(outputs, targets)

    worst_case(model, loss_fn, batches, 0.7, steps=6)
    assert max(lengths) == pytest.approx(0.7, rel=1e-9)


def test_without_a_gradient_it_rises_by_nothing():
    model, batches = network('mlp')
    assert worst_case(model, lambda x, _: 0 * x.sum(), batches, 1.0) == 0


@pytest.mark.parametrize('mode', ['eval', 'train'])
def test_of_a_network_it_is_the_step_done_by_hand(mode):
    model, batches = network('batch norm')
    found = worst_case(model, criterion, batches, 0.2, mode=mode)
    loss = MeanLoss(model, criterion, batches, mode)
    before, gradient = loss.value(), loss.gradient()
    step = 0.2 * gradient / gradient.norm()
    with torch.no_grad():
        for parameter, part in zip(loss.parameters, loss.split(step)):
            parameter += part
    assert found == pytest.approx(loss.value() - before, rel=1e-9)
    assert found > 0


@pytest.mark.parametrize('sigma', [0.01, 1.0])
def test_the_average_of_a_quadratic_is_half_the_trace(sigma):
    model, loss_fn, batches, matrix, _ = quadratic()
    exact = sigma**2 * float(matrix.trace()) / 2
    for samples in (16, 64, 256):
        found, error = average_case(
            model, loss_fn, batches, sigma, samples, seed=2
        )
        # The variance of e'Ae / 2 is s^4 |A|^2 / 2.
        wanted = sigma**2 * float(matrix.norm()) / (2 * samples) ** 0.5
        assert abs(found - exact) < 3 * wanted
        assert error == pytest.approx(wanted, rel=0.6)
    for wrong in (2 * exact, -exact, 0):
        assert abs(found - wrong) > 3 * wanted


def test_the_said_error_is_the_spread_over_seeds():
    model, loss_fn, batches, *_ = quadratic()
    found = [
        average_case(model, loss_fn, batches, 0.5, 8, seed=seed)
        for seed in range(60)
    ]
    spread = statistics.stdev(value for value, _ in found)
    said = statistics.fmean(error**2 for _, error in found) ** 0.5
    assert said == pytest.approx(spread, rel=0.3)
    assert said * 8**0.5 != pytest.approx(spread, rel=0.5)


@pytest.mark.parametrize('mode', ['eval', 'train'])
def test_for_small_perturbations_it_is_half_the_trace(mode):
    model, batches = network('batch norm')
    hessian = dense_hessian(model, batches, mode)
    found, error = average_case(
        model, criterion, batches, 1e-3, samples=200, mode=mode
    )
    exact = 1e-6 * float(hessian.trace()) / 2
    assert abs(found - exact) < 3 * error < abs(exact)


def test_norms_of_filters():
    weight = torch.arange(12.0).view(2, 3, 2)
    norms = filter_norms(weight)
    assert norms.shape == (2, 1, 1)
    assert norms[1].item() == pytest.approx(float(weight[1].norm()))
    assert filter_norms(torch.tensor([-2.0, 0])).tolist() == [2, 0]
    assert filter_norms(torch.tensor(-3.0)).item() == 3


def scale_layers_(model):
    """The same function: a layer by 1/50, the next one by 50."""
    for parameter in model[0].parameters():
        parameter /= 50
    model[2].weight *= 50


def scale_filters_(model):
    """The same function: filters in front of a BatchNorm."""
    model[0].weight[0] *= 50
    model[0].bias[0] *= 50


@pytest.mark.parametrize(
    'middle, scale_',
    [
        (nn.ReLU(), scale_layers_),
        (nn.BatchNorm1d(4, eps=0), scale_filters_),
    ],
)
def test_adaptive_measures_do_not_see_a_rescaling(middle, scale_):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 4), middle, nn.Linear(4, 1, False))
    model.double()
    batches = [(torch.randn(20, 3).double(), torch.randn(20, 1).double())]

    def measure(adaptive):
        same = (model, nn.functional.mse_loss, batches, 0.1)
        how = dict(mode='train', adaptive=adaptive)
        return [
            worst_case(*same, steps=3, **how),
            *average_case(*same, samples=50, **how),
        ]

    plain, adaptive = measure(False), measure(True)
    with torch.no_grad():
        scale_(model)
    for found, before in zip(measure(False), plain):
        assert found != pytest.approx(before, rel=0.01)
    assert measure(True) == pytest.approx(adaptive, rel=1e-9)


def test_wrong_input():
    model, loss_fn, batches, *_ = quadratic()
    for radius in (0, -1.0, float('inf')):
        with pytest.raises(ValueError, match='radius=.* must be'):
            worst_case(model, loss_fn, batches, radius)
    with pytest.raises(ValueError, match='steps=0'):
        worst_case(model, loss_fn, batches, 0.1, steps=0)
    with pytest.raises(TypeError, match='sigma must be a number'):
        average_case(model, loss_fn, batches, '0.1')
    with pytest.raises(ValueError, match='samples=1'):
        average_case(model, loss_fn, batches, 0.1, samples=1)
