import pytest
import torch
from torch import nn

from sema_mm.averaging.model_watch import ModelWatch
from sema_mm.averaging.tensor_group import group_tensors
from sema_mm.sharding import backend_of


def watch(model, buffers=False):
    backend = backend_of(model)
    groups = group_tensors(backend.tensors(), {}, (), None, ())
    return ModelWatch(backend, groups, buffers)


@pytest.fixture
def model():
    model = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))
    model[0].bias.requires_grad = False
    return model


def test_a_step_changes_nothing(model):
    watcher = watch(model)
    with torch.no_grad():
        model[0].weight.add_(1)
    model(torch.ones(3, 2))
    assert not watcher.is_changed()


@pytest.mark.parametrize(
    'change',
    [
        lambda m: setattr(m[0], 'weight', nn.Parameter(torch.ones(2, 2))),
        lambda m: m[0].bias.requires_grad_(),
        lambda m: m[0].register_parameter('new', nn.Parameter(torch.ones(1))),
        lambda m: m.double(),
    ],
    ids=['replaced', 'unfrozen', 'added', 'moved'],
)
def test_changes_of_known_modules_are_noticed(model, change):
    watcher = watch(model)
    change(model)
    assert watcher.is_changed()


@pytest.mark.parametrize('buffers', [False, True])
def test_statistics_are_watched_if_they_are_averaged(model, buffers):
    watcher = watch(model, buffers)
    model[1].running_mean = torch.ones(2)
    assert watcher.is_changed() is buffers
