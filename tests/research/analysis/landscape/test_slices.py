"""Slices against losses of directions that are made by hand."""

import copy

import pytest
import torch
from torch import nn

from research.analysis.landscape import slice_1d, slice_2d
from research.analysis.landscape.slices import random_direction
from research.analysis.mean_loss import MeanLoss
from tests.helpers.dense_hessian import network

criterion = nn.CrossEntropyLoss()


def loss_beside(model, batches, step):
    """The loss of a copy that is moved by a vector."""
    model = copy.deepcopy(model).eval()
    with torch.no_grad():
        for p in model.parameters():
            part, step = step[: p.numel()], step[p.numel() :]
            p += part.view(p.shape)
    inputs, targets = (torch.cat(parts) for parts in zip(*batches))
    return criterion(model(inputs), targets).item()


def by_hand(model, generator, normalised=True):
    """Li et al.: a Gaussian per filter, as long as the filter; no biases."""
    sizes = [p.numel() for p in model.parameters()]
    draw = torch.randn(sum(sizes), generator=generator, dtype=torch.float64)
    parts = []
    for p, part in zip(model.parameters(), draw.split(sizes)):
        if p.ndim == 1:
            part = 0 * part
        elif normalised:
            filters = part.view(len(p), -1)
            pairs = zip(filters, p.detach().view(len(p), -1))
            part = torch.cat([d / d.norm() * w.norm() for d, w in pairs])
        parts.append(part)
    return torch.cat(parts)


def test_a_line_through_the_solution():
    model, batches = network('batch norm')
    rows = slice_1d(model, criterion, batches, 0.8, points=5, seed=4)
    assert [row['x'] for row in rows] == pytest.approx(
        [-0.8, -0.4, 0, 0.4, 0.8]
    )

    def wanted(**how):
        generator = torch.Generator().manual_seed(4)
        way = by_hand(model, generator, **how)
        return [loss_beside(model, batches, row['x'] * way) for row in rows]

    found = [row['loss'] for row in rows]
    assert found == pytest.approx(wanted(), rel=1e-12)
    assert found != pytest.approx(wanted()[::-1], rel=1e-3)
    assert found != pytest.approx(wanted(normalised=False), rel=1e-3)


def test_a_plane_through_the_solution():
    model, batches = network('mlp')
    rows = slice_2d(model, criterion, batches, points=3, seed=4)
    generator = torch.Generator().manual_seed(4)
    first, second = (by_hand(model, generator) for _ in range(2))
    assert [(row['x'], row['y']) for row in rows] == [
        (x, y) for x in (-1, 0, 1) for y in (-1, 0, 1)
    ]
    for row in rows:
        step = row['x'] * first + row['y'] * second
        assert row['loss'] == pytest.approx(loss_beside(model, batches, step))
    line = slice_1d(model, criterion, batches, points=3, seed=4)
    assert [row['loss'] for row in rows if row['y'] == 0] == [
        row['loss'] for row in line
    ]


def test_directions_have_the_norms_of_the_filters():
    model, batches = network('batch norm')
    loss = MeanLoss(model, criterion, batches)
    generator = torch.Generator().manual_seed(0)
    parts = loss.split(random_direction(loss, generator))
    for part, p in zip(parts, model.parameters()):
        if p.ndim == 1:
            assert not part.any()
        else:
            norms = p.detach().flatten(1).norm(dim=1)
            assert torch.allclose(part.flatten(1).norm(dim=1), norms)
            assert not torch.allclose(part, p)


@pytest.mark.parametrize('mode', ['eval', 'train'])
def test_the_center_is_the_loss_of_its_mode(mode):
    model, batches = network('batch norm')
    rows = slice_1d(model, criterion, batches, points=3, mode=mode)
    losses = {
        name: MeanLoss(model, criterion, batches, name).value()
        for name in ('eval', 'train')
    }
    assert rows[1]['loss'] == losses.pop(mode)
    assert rows[1]['loss'] != pytest.approx(*losses.values(), rel=1e-3)


def test_further_columns():
    model, batches = network('mlp')

    def accuracy(outputs, targets):
        return (outputs.argmax(dim=1) == targets).double().mean()

    rows = slice_1d(model, criterion, batches, measures={'accuracy': accuracy})
    right = sum(int((model(x).argmax(1) == y).sum()) for x, y in batches)
    assert rows[10]['accuracy'] == pytest.approx(right / 15)
    assert list(rows[0]) == ['x', 'loss', 'accuracy'] and len(rows) == 21


def test_wrong_input():
    model, batches = network('mlp')
    with pytest.raises(ValueError, match='radius=0 must be above 0'):
        slice_1d(model, criterion, batches, radius=0)
    with pytest.raises(ValueError, match='points=1 must be at least 2'):
        slice_2d(model, criterion, batches, points=1)
