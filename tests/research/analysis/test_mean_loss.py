"""Value, gradient and products with the Hessian, against torch.func."""

import copy

import pytest
import torch
from torch import nn

from research.analysis.mean_loss import MeanLoss
from tests.helpers.dense_hessian import (
    SIZES,
    dense_hessian,
    network,
    quadratic,
)

CASES = [
    ('mlp', 'eval'),
    ('batch norm', 'eval'),
    ('batch norm', 'train'),
    ('attention', 'eval'),
]
criterion = nn.CrossEntropyLoss()


def is_hessian(found, wanted):
    return torch.allclose(found, wanted, rtol=1e-9, atol=1e-12)


def products(model, batches, mode):
    loss = MeanLoss(model, criterion, batches, mode)
    return loss.products(torch.eye(loss.size, dtype=torch.float64))


@pytest.mark.parametrize('kind, mode', CASES)
def test_products_are_those_of_the_dense_hessian(kind, mode):
    model, batches = network(kind)
    found = products(model, batches, mode)
    assert is_hessian(found, dense_hessian(model, batches, mode))


@pytest.mark.parametrize('kind, mode', CASES)
def test_wrong_hessians_are_told_apart(kind, mode):
    model, batches = network(kind)
    found = products(model, batches, mode)
    right = dense_hessian(model, batches, mode)
    each_batch_the_same = [1 / len(SIZES) / size for size in SIZES]
    wrong = [
        -right,
        right * sum(SIZES),
        dense_hessian(model, batches, mode, each_batch_the_same),
        dense_hessian(model, batches[:-1], mode),
    ]
    if kind == 'batch norm':
        other = {'eval': 'train', 'train': 'eval'}[mode]
        wrong.append(dense_hessian(model, batches, other))
    assert not any(is_hessian(found, hessian) for hessian in wrong)


def test_the_value_weighs_samples_and_not_batches():
    model, batches = network('mlp')
    inputs, targets = (torch.cat(parts) for parts in zip(*batches))
    found = MeanLoss(model, criterion, batches).value()
    exact = criterion(model(inputs), targets).item()
    assert found == pytest.approx(exact)
    of_batches = [criterion(model(x), y).item() for x, y in batches]
    assert found != pytest.approx(sum(of_batches) / len(SIZES), rel=1e-3)


def test_the_gradient_is_that_of_all_samples():
    model, batches = network('mlp')
    inputs, targets = (torch.cat(parts) for parts in zip(*batches))
    found = MeanLoss(model, criterion, batches).gradient()
    criterion(model(inputs), targets).backward()
    wanted = torch.cat([p.grad.flatten() for p in model.parameters()])
    assert torch.allclose(found, wanted, rtol=1e-12)


def test_the_gradient_of_batch_statistics_is_that_of_training():
    model, batches = network('batch norm')
    found = MeanLoss(model, criterion, batches, 'train').gradient()
    model.eval()
    model[1].train()
    sums = [criterion(model(x), y) * len(y) / sum(SIZES) for x, y in batches]
    sum(sums).backward()
    wanted = torch.cat([p.grad.flatten() for p in model.parameters()])
    assert torch.allclose(found, wanted, rtol=1e-12)


def test_only_trainable_parameters_count_and_tied_ones_once():
    model, batches = network('mlp')
    model[2].weight.requires_grad_(False)
    full = MeanLoss(
        copy.deepcopy(model).requires_grad_(True), criterion, [*batches]
    )
    loss = MeanLoss(model, criterion, batches)
    assert (full.size, loss.size) == (31, 19)
    vector = torch.randn(19, dtype=torch.float64)
    whole = torch.cat([vector[:16], torch.zeros(12).double(), vector[16:]])
    wanted = full.products(whole[None])[0]
    found = loss.products(vector[None])[0]
    assert torch.allclose(found, torch.cat([wanted[:16], wanted[28:]]))
    model[2] = model[0]
    assert MeanLoss(model, criterion, batches).size == 16


def test_what_the_loss_does_not_depend_on_or_is_linear_in():
    model = nn.Linear(2, 1).double()
    model.unused = nn.Parameter(torch.ones(3))
    batches = [(torch.ones(2, 2).double(), torch.ones(2))]
    loss = MeanLoss(model, lambda outputs, _: outputs.mean(), batches)
    assert loss.gradient().tolist() == [1, 1, 1, 0, 0, 0]
    assert not loss.products(torch.ones(1, 6).double()).any()


def test_single_precision_is_close():
    model, batches = network('batch norm')
    wanted = dense_hessian(model, batches, 'train')
    batches = [(inputs.float(), targets) for inputs, targets in batches]
    found = products(model.float(), batches, 'train')
    assert found.dtype == torch.float64
    assert torch.allclose(found, wanted, atol=1e-5)


def test_a_diverged_model_is_said():
    model, loss_fn, batches, *_ = quadratic()
    with torch.no_grad():
        model.weights.fill_(float('nan'))
    loss = MeanLoss(model, loss_fn, batches)
    assert loss.value() != loss.value()
    with pytest.raises(RuntimeError, match='a batch is nan.*diverged'):
        loss.gradient()
    with pytest.raises(RuntimeError, match='diverged'):
        loss.products(torch.ones(1, 6).double())


def test_wrong_input():
    model, batches = network('mlp')
    with pytest.raises(TypeError, match=r'got generator: write list\('):
        MeanLoss(model, criterion, (batch for batch in batches))
    with pytest.raises(ValueError, match='no sample'):
        MeanLoss(model, criterion, [])
    with pytest.raises(ValueError, match="mode='test' must be 'eval' or"):
        MeanLoss(model, criterion, batches, 'test')
    with pytest.raises(ValueError, match='no trainable parameter'):
        MeanLoss(nn.Tanh(), criterion, batches)
    each = nn.CrossEntropyLoss(reduction='none')
    with pytest.raises(ValueError, match=r'the loss must be the mean .*\[5\]'):
        MeanLoss(model, each, batches).value()

    def detached(outputs, targets):
        return criterion(outputs, targets).detach()

    with pytest.raises(RuntimeError, match='a detach or no_grad'):
        MeanLoss(model, detached, batches).gradient()
