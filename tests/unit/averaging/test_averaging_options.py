import dataclasses
import inspect

import pytest
from torch import nn

from sema_mm import (
    AveragingOptions,
    MomentumSchedule,
    SwitchEMA,
    SwitchEMAHook,
)

FIELDS = {field.name: field for field in dataclasses.fields(AveragingOptions)}


@pytest.mark.parametrize('owner', [MomentumSchedule, SwitchEMA, SwitchEMAHook])
def test_all_have_the_same_defaults(owner):
    parameters = inspect.signature(owner).parameters
    shared = parameters.keys() & FIELDS.keys()
    assert 'momentum' in shared
    for name in shared:
        assert parameters[name].default == FIELDS[name].default, name


def test_the_average_and_its_hook_have_the_same_options():
    given = dict(momentum=0.25, interval=2, compound=True, device='cpu')
    expected = AveragingOptions(**given)
    assert SwitchEMA(nn.Linear(1, 1), **given).options == expected
    assert SwitchEMAHook(**given).options == expected


def test_they_do_not_change():
    with pytest.raises(dataclasses.FrozenInstanceError):
        AveragingOptions().momentum = 0.5


@pytest.mark.parametrize(
    'given, window',
    [
        (dict(momentum=0.1), 10),
        (dict(momentum=0.1, interval=4), 40),
        (dict(momentum=0.1, interval=4, compound=True), 10),
    ],
)
def test_window(given, window):
    assert AveragingOptions(**given).window == pytest.approx(window)


@pytest.mark.parametrize(
    'make',
    [SwitchEMAHook, lambda **given: SwitchEMA(nn.Linear(1, 1), **given)],
    ids=['hook', 'average'],
)
def test_an_unknown_name_is_told_the_nearest(make):
    with pytest.raises(TypeError, match="did you mean 'warmup_iters'?"):
        make(warmup_iter=3)
    with pytest.raises(TypeError, match="no argument 'options'"):
        make(options=3)
