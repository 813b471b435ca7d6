"""Lines and planes against models that are mixed by hand."""

import copy
import math

import pytest
import torch
from torch import nn
from torch.optim.swa_utils import update_bn

from research.analysis.landscape import barrier, line, plane
from research.analysis.mean_loss import MeanLoss
from tests.helpers.dense_hessian import Quadratic, network, quadratic

criterion = nn.CrossEntropyLoss()
HOW = ('mixed', 'recalibrated', 'train')


def solutions(count):
    """Models of one network, with weights and statistics of their own."""
    model, batches = network('batch norm')
    found = []
    for _ in range(count):
        other = copy.deepcopy(model)
        with torch.no_grad():
            for p in other.parameters():
                p += torch.randn_like(p)
            other[1].running_mean.normal_()
            other[1].running_var.uniform_(0.5, 3)
        found.append(other)
    return model, batches, found


def update(batches):
    return lambda model: update_bn([x for x, _ in batches[1:]], model)


def by_hand(models, weights, batches, how):
    """The loss of a new model, made from state dicts."""
    model = copy.deepcopy(models[0]).eval()
    states = [other.state_dict() for other in models]
    mixed = {
        key: sum(w * s[key] for w, s in zip(weights, states))
        for key, value in states[0].items()
        if value.is_floating_point()
    }
    model.load_state_dict(mixed, strict=False)
    if how == 'recalibrated':
        update(batches)(model)
    mode = 'train' if how == 'train' else 'eval'
    return MeanLoss(model, criterion, batches, mode).value()


def arguments(how, batches):
    return {
        'mixed': {},
        'recalibrated': dict(recalibrate=update(batches)),
        'train': dict(mode='train'),
    }[how]


@pytest.mark.parametrize('how', HOW)
def test_a_line_between_two_solutions(how):
    model, batches, ends = solutions(2)
    rows = line(
        model,
        criterion,
        batches,
        *ends,
        [0, 0.3, 1],
        **arguments(how, batches),
    )
    assert [row['position'] for row in rows] == [0, 0.3, 1]
    found = [row['loss'] for row in rows]
    wanted = {
        name: [by_hand(ends, (1 - t, t), batches, name) for t in (0, 0.3, 1)]
        for name in HOW
    }
    assert found == pytest.approx(wanted.pop(how), rel=1e-12)
    assert found != pytest.approx(found[::-1], rel=1e-3)
    for other in wanted.values():
        assert found != pytest.approx(other, rel=1e-3)


def test_state_dicts_are_as_good_as_models():
    model, batches, ends = solutions(2)
    states = [end.state_dict() for end in ends]
    assert line(model, criterion, batches, *states) == line(
        model, criterion, batches, *ends
    )


def state(model):
    flags = [module.training for module in model.modules()]
    bits = [t.numpy().tobytes() for t in model.state_dict().values()]
    places = [t.data_ptr() for t in model.state_dict().values()]
    return flags, bits, places


@pytest.mark.parametrize('how', HOW)
def test_the_model_may_be_a_solution_and_comes_back(how):
    model, batches, (start, end) = solutions(2)
    start.train()
    wanted = line(
        model, criterion, batches, start, end, **arguments(how, batches)
    )
    before = state(start)
    found = line(
        start, criterion, batches, start, end, **arguments(how, batches)
    )
    assert found == wanted
    assert state(start) == before != state(end)


def test_the_model_comes_back_after_an_exception():
    model, batches, ends = solutions(2)
    before = state(model)

    def fail(mixed):
        assert state(mixed) != before
        update(batches)(mixed)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        line(model, criterion, batches, *ends, recalibrate=fail)
    assert state(model) == before


def test_single_precision_ends_are_exact_and_masks_may_be_infinite():
    torch.manual_seed(0)
    ends = [nn.Linear(3, 3) for _ in range(2)]
    for end in ends:
        end.register_buffer('mask', torch.tensor([0, -torch.inf]))
    batches = [(torch.randn(4, 3), torch.tensor([0, 1, 2, 1]))]
    model = copy.deepcopy(ends[0])
    seen = []
    line(
        model,
        criterion,
        batches,
        *ends,
        [0, 1],
        recalibrate=lambda m: (seen.append(copy.deepcopy(m.state_dict()))),
    )
    for found, end in zip(seen, ends):
        for key, value in end.state_dict().items():
            assert torch.equal(found[key], value)


def triangle():
    """Three solutions of a quadratic loss, as vectors and as models."""
    _, loss_fn, batches, matrix, _ = quadratic()
    generator = torch.Generator().manual_seed(9)
    points = torch.randn(3, 6, generator=generator, dtype=torch.float64)
    return points, [Quadratic(p) for p in points], loss_fn, batches


def test_a_plane_through_three_solutions():
    points, models, loss_fn, batches = triangle()
    rows, corners = plane(models[0], loss_fn, batches, models, points=4)
    for i, j in ((0, 1), (0, 2), (1, 2)):
        apart = math.dist(corners[i], corners[j])
        distance = float((points[i] - points[j]).norm())
        assert apart == pytest.approx(distance, rel=1e-12)
    assert corners[0] == (0, 0) and corners[1][1] == 0 < corners[2][1]
    # An orthonormal basis of the plane, from a QR decomposition.
    sides = (points[1:] - points[0]).T
    basis, triangular = torch.linalg.qr(sides)
    basis = basis * triangular.diagonal().sign()
    wrong = 0
    for row in rows:
        place = torch.tensor([row['x'], row['y']], dtype=torch.float64)
        at = Quadratic(points[0] + basis @ place)
        assert row['loss'] == pytest.approx(
            MeanLoss(at, loss_fn, batches).value(), rel=1e-9
        )
        at = Quadratic(points[0] + basis @ place.flip(0))
        exchanged = MeanLoss(at, loss_fn, batches).value()
        wrong += row['loss'] != pytest.approx(exchanged, rel=1e-3)
    assert wrong >= 12 and len(rows) == 16


def test_the_plane_goes_beyond_the_solutions_by_the_margin():
    _, models, loss_fn, batches = triangle()
    rows, corners = plane(
        models[0], loss_fn, batches, models, points=2, margin=0.5
    )
    for axis, name in enumerate('xy'):
        values = [corner[axis] for corner in corners]
        extent = max(values) - min(values)
        found = [row[name] for row in rows]
        assert min(found) == pytest.approx(min(values) - extent / 2)
        assert max(found) == pytest.approx(max(values) + extent / 2)


def test_a_plane_mixes_the_statistics():
    model, batches, corners = solutions(3)
    rows, places = plane(
        model, criterion, batches, corners, points=2, margin=0
    )
    assert places[2][0] > 0  # so that the first corner is of the grid
    assert rows[0]['loss'] == pytest.approx(
        by_hand(corners, (1, 0, 0), batches, 'mixed')
    )


def test_negative_variances_are_refused_and_the_ways_out_work():
    model, batches, (start, end) = solutions(2)
    end[1].running_var.mul_(10)
    with pytest.raises(ValueError, match='-0.5.* variances .* negative'):
        line(model, criterion, batches, start, end, [0, -0.5])
    for how in ('recalibrated', 'train'):
        rows = line(
            model,
            criterion,
            batches,
            start,
            end,
            [-0.5],
            **arguments(how, batches),
        )
        wanted = by_hand((start, end), (1.5, -0.5), batches, how)
        assert rows[0]['loss'] == pytest.approx(wanted)


def test_the_barrier():
    losses = [1.0, 5.0, 3.0, 2.0]
    rows = [
        dict(position=t, loss=loss)
        for t, loss in zip((0, 0.5, 1, 1.5), losses)
    ]
    assert barrier(rows) == 3
    assert barrier([rows[0], rows[2]]) == 0
    _, models, _, batches = triangle()

    def convex(outputs, targets):
        return ((outputs - targets) ** 2).mean()

    assert barrier(line(models[0], convex, batches, *models[:2])) == 0
    with pytest.raises(ValueError, match='need the positions 0 and 1'):
        barrier(rows[1:])


def test_wrong_input():
    model, batches, ends = solutions(2)
    state = ends[1].state_dict()
    del state['5.bias']
    with pytest.raises(ValueError, match="solution 1 .* '5.bias'.* nothing"):
        line(model, criterion, batches, ends[0], state)
    state['5.bias'] = torch.ones(7)
    with pytest.raises(ValueError, match=r'shape \(3,\), it has \(7,\)'):
        line(model, criterion, batches, ends[0], state)
    with pytest.raises(TypeError, match='positions must be a number'):
        line(model, criterion, batches, *ends, positions=['0'])
    with pytest.raises(ValueError, match='has 3 solutions; got 2'):
        plane(model, criterion, batches, ends)
    with pytest.raises(ValueError, match='are on a line'):
        plane(model, criterion, batches, [*ends, ends[1]])
    with pytest.raises(ValueError, match='are on a line'):
        plane(model, criterion, batches, [ends[0], ends[0], ends[1]])
