import pytest
import torch
from torch import nn

from sema_mm import SwitchEMA
from sema_mm.averaging.checkpoint_format import (
    averaged_shapes,
    pack,
    prefixed,
    stripped,
    unpack,
)


@pytest.mark.parametrize(
    'key',
    [
        'a.weight',
        'module.a.weight',
        '_orig_mod.a.weight',
        'module._orig_mod.a.weight',
        '_orig_mod.module.a._fsdp_wrapped_module.weight',
    ],
)
def test_a_key_is_that_of_the_plain_model(key):
    assert stripped(key) == 'a.weight'


def test_one_prefix_is_put_and_taken_off():
    (key,) = prefixed({'module.weight': 0})
    assert key == 'module.module.weight'
    assert stripped(key) == 'module.weight'


def test_unpack_reverses_pack():
    model = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))
    average = SwitchEMA(model, 0.5)
    for _ in range(2):
        average.update_parameters(model)
        nn.init.normal_(model[0].weight)
    average.update_parameters(model)
    state = model.state_dict()
    training, averaged = unpack(*pack(average, state))
    assert training.keys() == state.keys()
    for key, tensor in state.items():
        assert torch.equal(training[key], tensor), key
    expected = average.state_dict()
    assert averaged.keys() == expected.keys()
    for key, tensor in expected.items():
        assert torch.equal(averaged[key], tensor), key


def test_tied_tensors_have_several_keys():
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2), nn.BatchNorm1d(2))
    model[1].weight = model[0].weight
    shapes = averaged_shapes(SwitchEMA(model))
    assert shapes['0.weight'] == shapes['1.weight'] == (2, 2)
    assert shapes.keys() == {n for n in model.state_dict() if '.run' not in n
                             and 'num' not in n}  # fmt: skip
