"""The largest eigenvalues against a dense eigendecomposition."""

import pytest
import torch
from torch import nn

from research.analysis.hessian import HessianOperator, top_eigenvalues
from research.analysis.mean_loss import MeanLoss
from tests.helpers.dense_hessian import dense_hessian, network, quadratic

criterion = nn.CrossEntropyLoss()


def largest(matrix, k):
    return torch.linalg.eigvalsh(matrix).flip(0)[:k].tolist()


@pytest.mark.parametrize('mode', ['eval', 'train'])
def test_they_are_those_of_the_dense_hessian(mode):
    model, batches = network('batch norm')
    hessian = dense_hessian(model, batches, mode)
    found = top_eigenvalues(
        model, criterion, batches, 3, mode, tolerance=1e-10
    )
    assert found == pytest.approx(largest(hessian, 3), rel=1e-9)
    assert found != pytest.approx(largest(-hessian, 3), rel=1e-2)
    by_size = hessian.abs().max() * torch.ones(3)
    assert found != pytest.approx(by_size.tolist(), rel=1e-2)


def test_largest_means_most_positive():
    matrix = torch.diag(torch.tensor([-9.0, 3, 2, 1, 0, -1]).double())
    model, _, batches, *_ = quadratic(6)

    def loss(outputs, targets):
        apart = outputs - targets
        return ((apart @ matrix) * apart).sum(dim=1).mean() / 2

    found = top_eigenvalues(model, loss, batches, k=3, tolerance=1e-12)
    assert found == pytest.approx([3, 2, 1])


@pytest.mark.parametrize('tolerance', [1e-1, 1e-3, 1e-6])
def test_the_tolerance_bounds_the_error(tolerance):
    model, batches = network('mlp')
    exact = largest(dense_hessian(model, batches), 2)
    found = top_eigenvalues(
        model, criterion, batches, k=2, tolerance=tolerance
    )
    assert found == pytest.approx(exact, rel=tolerance)


def test_the_operator_is_the_matrix():
    model, batches = network('mlp')
    operator = HessianOperator(MeanLoss(model, criterion, batches))
    hessian = dense_hessian(model, batches)
    matrix = torch.from_numpy(operator @ torch.eye(31).double().numpy())
    assert torch.allclose(matrix, hessian)
    vector = torch.arange(31).double()
    column = torch.from_numpy(operator.T @ vector.numpy())
    assert torch.allclose(column, hessian @ vector)


def test_wrong_input():
    model, batches = network('mlp')
    with pytest.raises(ValueError, match='k=31 must be below .* 31'):
        top_eigenvalues(model, criterion, batches, k=31)
    with pytest.raises(ValueError, match='k=0 must be at least 1'):
        top_eigenvalues(model, criterion, batches, k=0)
    with pytest.raises(TypeError, match='k must be a whole number'):
        top_eigenvalues(model, criterion, batches, k=1.5)
    with pytest.raises(ValueError, match='tolerance=0 must be'):
        top_eigenvalues(model, criterion, batches, tolerance=0)
    with pytest.raises(RuntimeError, match='restarts=1: raise one'):
        top_eigenvalues(
            model, criterion, batches, 9, tolerance=1e-14, restarts=1
        )
