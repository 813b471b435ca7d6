"""The average that a model keeps of its own encoder."""

import pytest
import torch
from mmengine.model import ExponentialMovingAverage
from torch import nn

from sema_mm.hooks.target_network import TargetNetwork
from tests.helpers import counting


class Teaching(nn.Module):
    """A student and a teacher that is a plain module."""

    def __init__(self):
        super().__init__()
        self.student = nn.Sequential(nn.Linear(40, 50), nn.BatchNorm1d(50))
        self.teacher = nn.Sequential(nn.Linear(40, 50), nn.BatchNorm1d(50))


def test_a_plain_module_may_be_the_target():
    model = Teaching()
    network = TargetNetwork(model, 'teacher', ['student'])
    assert network.updates is None
    assert network.momentum_at(3) is None
    network.switch_parameters()
    for online, average in zip(
        model.student.parameters(), model.teacher.parameters()
    ):
        assert torch.equal(online, average)


def test_a_switch_takes_no_memory():
    network = TargetNetwork(Teaching(), 'teacher', ['student'])
    assert counting.allocations(network.switch_parameters) == (0, 0)
    # The counter would see a copy of one tensor.
    copied = network.pairs()[1][0]
    assert counting.allocations(copied.clone)[0] >= copied.nbytes


def compiled(module):
    return torch.compile(module, backend='eager')


@pytest.mark.parametrize('wrap', [nn.DataParallel, compiled])
def test_wrappers_are_looked_through(wrap):
    model = Teaching()
    network = TargetNetwork(wrap(model), 'teacher', ['student'])
    assert network.pairs()[0][0] is model.student[0].weight


def test_a_compiled_part_has_the_same_names():
    model = Teaching()
    model.student[0] = compiled(model.student[0])
    network = TargetNetwork(model, 'teacher', ['student'])
    assert len(network.pairs()[0]) == 4


class Averaging(nn.Module):
    """A network with averages of it."""

    def __init__(self, count):
        super().__init__()
        self.net = nn.Linear(3, 3)
        for number in range(count):
            average = ExponentialMovingAverage(self.net, 0.2, interval=4)
            setattr(self, f'average{number}', average)


def test_the_only_average_is_found():
    model = Averaging(1)
    network = TargetNetwork(model, online=['net'])
    assert network.name == 'average0'
    assert network.updates == 0
    assert network.momentum_at(9) == pytest.approx(0.2 / 4)


def test_several_averages_are_named():
    with pytest.raises(ValueError, match='holds 2 averages.*average1'):
        TargetNetwork(Averaging(2), online=['net'])
    found = TargetNetwork(Averaging(2), 'average1', ['net'])
    assert found.name == 'average1'


def test_frozen_parameters_are_left_alone():
    model = Teaching()
    model.student[0].bias.requires_grad = False
    before = model.student[0].bias.clone()
    TargetNetwork(model, 'teacher', ['student']).switch_parameters()
    assert torch.equal(model.student[0].bias, before)
    assert not torch.equal(before, model.teacher[0].bias)


def test_nothing_trainable_is_refused():
    model = Teaching().requires_grad_(False)
    with pytest.raises(ValueError, match='nothing to switch'):
        TargetNetwork(model, 'teacher', ['student'])


def test_a_target_that_averages_more_is_refused():
    model = Teaching()
    model.teacher.append(nn.Linear(50, 2))
    with pytest.raises(ValueError, match="averages more.*'2.weight'"):
        TargetNetwork(model, 'teacher', ['student'])


def test_another_shape_is_refused():
    model = Teaching()
    model.teacher[0] = nn.Linear(41, 50)
    with pytest.raises(ValueError, match=r"'0.weight' of shape \(50, 40\)"):
        TargetNetwork(model, 'teacher', ['student'])
