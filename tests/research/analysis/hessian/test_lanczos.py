"""Nodes, weights and density against the dense Hessian's spectrum."""

import numpy as np
import pytest
import torch
from scipy.integrate import trapezoid
from torch import nn

from research.analysis.hessian import spectral_density, spectral_quadrature
from tests.helpers.dense_hessian import (
    dense_hessian,
    network,
    quadratic,
    quadratic_loss,
)

criterion = nn.CrossEntropyLoss()


def moments(nodes, weights, orders):
    return [float((weights * nodes**order).sum()) for order in orders]


@pytest.mark.parametrize('mode', ['eval', 'train'])
def test_nodes_and_weights_have_the_moments_of_their_direction(mode):
    model, batches = network('batch norm')
    hessian = dense_hessian(model, batches, mode)
    size, steps = len(hessian), 4
    values, vectors = torch.linalg.eigh(hessian)
    generator = torch.Generator().manual_seed(5)
    pairs = spectral_quadrature(
        model, criterion, batches, 2, steps, mode, seed=5
    )
    orders = range(2 * steps)
    for nodes, weights in pairs:
        start = torch.randn(size, generator=generator, dtype=torch.float64)
        exact = (vectors.T @ (start / start.norm())) ** 2
        wanted = moments(values, exact, orders)
        found = moments(nodes, weights, orders)
        assert found == pytest.approx(wanted, rel=1e-9)
        # The next is beyond what four nodes can hold.
        beyond = [2 * steps]
        wanted = moments(values, exact, beyond)
        assert moments(nodes, weights, beyond) != pytest.approx(wanted)
        mirrored = moments(-nodes, weights, orders)
        assert mirrored != pytest.approx(found, rel=1e-2)


def test_all_steps_find_all_eigenvalues():
    model, batches = network('mlp')
    values = torch.linalg.eigvalsh(dense_hessian(model, batches)).numpy()
    ((nodes, weights),) = spectral_quadrature(
        model, criterion, batches, samples=1, steps=99
    )
    assert len(nodes) <= 31 and weights.sum() == pytest.approx(1)
    for value in values:
        assert np.abs(nodes - value).min() < 1e-7


def test_it_ends_where_the_directions_end():
    model, _, batches, *_ = quadratic(6)

    def loss(outputs, targets):
        apart = (outputs - targets) * torch.tensor([2, 2, 1, 1, 1, 1])
        return (apart**2).sum(dim=1).mean() / 2

    ((nodes, weights),) = spectral_quadrature(model, loss, batches, 1, 6)
    assert nodes == pytest.approx([1, 4])
    assert weights.sum() == pytest.approx(1)


def smoothed(values, grid, width):
    bells = np.exp(-(((grid[:, None] - values) / width) ** 2) / 2)
    return bells.mean(axis=1) / (width * (2 * np.pi) ** 0.5)


def apart(grid, one, other):
    """Area between two densities: 0 for the same, 2 for disjoint ones."""
    return float(trapezoid(np.abs(one - other), grid))


def test_the_density_closes_in_on_the_dense_one():
    model, _, batches, matrix, _ = quadratic(12)
    matrix = matrix @ matrix  # whose spectrum is not symmetric
    loss_fn = quadratic_loss(matrix)
    values = torch.linalg.eigvalsh(matrix).numpy()
    width = values.max() / 10
    distances = []
    for samples in (1, 8, 64):
        grid, density = spectral_density(
            model, loss_fn, batches, samples, 12, width=width
        )
        assert trapezoid(density, grid) == pytest.approx(1, abs=1e-4)
        exact = smoothed(values, grid, width)
        distances.append(apart(grid, density, exact))
    # Eight times the samples, about a third of the distance.
    for few, many in zip(distances, distances[1:]):
        assert 1.5 < few / many < 6
    wrong = smoothed(-values, grid, width)
    assert apart(grid, density, wrong) > 5 * distances[-1]
    assert apart(grid, density / 2, exact) > 5 * distances[-1]


def test_the_mean_of_the_density_is_the_trace_over_the_size():
    model, loss_fn, batches, matrix, _ = quadratic()
    grid, density = spectral_density(model, loss_fn, batches, 100, 6)
    mean = trapezoid(grid * density, grid)
    scale = float(matrix.norm()) / 6
    assert abs(mean - float(matrix.trace()) / 6) < 3 * scale / 100**0.5


def test_wrong_input():
    model, loss_fn, batches, *_ = quadratic()
    with pytest.raises(ValueError, match='steps=0'):
        spectral_density(model, loss_fn, batches, steps=0)
    with pytest.raises(ValueError, match='width=-1 must be'):
        spectral_density(model, loss_fn, batches, width=-1)
    with pytest.raises(ValueError, match='all nodes are equal'):
        spectral_density(model, loss_fn, batches, samples=1, steps=1)
