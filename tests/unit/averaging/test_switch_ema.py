import copy

import pytest
import torch
from mmengine.model import ExponentialMovingAverage
from mmengine.registry import MODELS
from torch import nn

from sema_mm import SwitchEMA


def moved(model, amount=1.0):
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += amount
    return model


@pytest.fixture
def model():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3), nn.Linear(3, 1))


def test_it_is_registered(model):
    built = MODELS.build(
        dict(type='SwitchEMA', momentum=0.1), default_args=dict(model=model)
    )
    assert isinstance(built, SwitchEMA)


def test_forward_runs_the_averaged_weights(model):
    average = SwitchEMA(model, 0.1)
    average.update_parameters(model)
    average.update_parameters(moved(model))
    model.eval()
    images = torch.randn(4, 3)
    with average.swapped(model):
        expected = model(images)
        assert torch.equal(average(images), expected)
    assert torch.equal(average(images), expected)
    assert not torch.equal(model(images), expected)
    assert not average(images).requires_grad


def test_it_holds_no_module_and_no_parameter(model):
    average = SwitchEMA(model)
    assert not list(average.children()) and not list(average.parameters())


def test_state_dict_is_mmengines(model):
    ours, theirs = SwitchEMA(model, 0.1), ExponentialMovingAverage(model, 0.1)
    for average in (ours, theirs):
        average.update_parameters(model)
    moved(model)
    for average in (ours, theirs):
        average.update_parameters(model)
    state, reference = ours.state_dict(), theirs.state_dict()
    assert state.keys() == reference.keys()
    for key, value in reference.items():
        assert torch.equal(state[key], value), key
    theirs.load_state_dict(state)
    ours.load_state_dict(reference)


def test_state_dict_round_trip(model):
    average = SwitchEMA(model, 0.1, update_buffers=True)
    for _ in range(3):
        model(torch.randn(8, 3))
        average.update_parameters(moved(model))
    state = copy.deepcopy(average.state_dict())
    other = SwitchEMA(copy.deepcopy(model), 0.1, update_buffers=True)
    other.load_state_dict(state)
    assert other.steps == 3
    for name, tensor in average.average_now().items():
        assert torch.equal(other.average_now()[name], tensor), name


def test_state_dict_is_right_while_swapped(model):
    average = SwitchEMA(model.bfloat16(), 0.1)
    average.update_parameters(model)
    average.update_parameters(moved(model))
    before = copy.deepcopy(average.state_dict())
    with average.swapped(model):
        for key, value in average.state_dict().items():
            assert torch.equal(value, before[key]), key


def test_a_replaced_parameter_is_followed(model):
    average = SwitchEMA(model, 0.1)
    average.update_parameters(model)
    model[0].weight = nn.Parameter(torch.full((3, 3), 7.0))
    average.update_parameters(model)
    average.switch_parameters(model)
    assert average.model_now()['0.weight'] is model[0].weight


def test_an_added_module_joins_at_the_next_refresh(model):
    average = SwitchEMA(model, 0.1)
    average.update_parameters(model)
    model.append(nn.Linear(1, 1))
    average.refresh(model)
    assert torch.equal(average.average_now()['3.weight'], model[3].weight)
    assert len(average.average_now()) == 8


def test_a_module_that_is_removed_is_forgotten(model):
    average = SwitchEMA(model, 0.1)
    del model[2]
    average.refresh(model)
    assert list(average.average_now()) == [
        '0.weight',
        '0.bias',
        '1.weight',
        '1.bias',
    ]


def test_a_parameter_frozen_later_stays_averaged(model):
    average = SwitchEMA(model, 0.1)
    average.update_parameters(model)
    moved(model)
    model.requires_grad_(False)
    average.update_parameters(model)
    distance = model[0].weight - average.average_now()['0.weight']
    torch.testing.assert_close(distance, torch.full((3, 3), 0.9))


def test_interval_takes_every_kth_update(model):
    average = SwitchEMA(model, 0.1, interval=3)
    seen = []
    for _ in range(7):
        average.update_parameters(moved(model))
        seen.append(average.average_now()['0.bias'][0].item())
    changed = [i for i in range(1, 7) if seen[i] != seen[i - 1]]
    assert changed == [3, 6]


def test_a_device_for_the_averages(model):
    average = SwitchEMA(model, 0.1, device='cpu')
    average.update_parameters(model)
    assert all(
        tensor.device.type == 'cpu'
        for tensor in average.average_now().values()
    )


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason='needs CUDA')
@pytest.mark.parametrize('device', ['cpu', None])
def test_on_a_gpu_as_on_a_cpu(model, device):
    here, there = model, copy.deepcopy(model).cuda()
    ours = SwitchEMA(here, 0.1)
    theirs = SwitchEMA(there, 0.1, device=device)
    for _ in range(5):
        ours.update_parameters(moved(here))
        theirs.update_parameters(moved(there))
    ours.switch_parameters(here)
    theirs.switch_parameters(there)
    for one, other in zip(here.parameters(), there.parameters()):
        torch.testing.assert_close(one, other.cpu())


def test_origin_after_a_switch(model):
    average = SwitchEMA(model, 0.1)
    average.update_parameters(model)
    average.update_parameters(moved(model))
    left = model[0].weight.detach().clone()
    average.switch_parameters(model, keep_origin=True)
    switched = model[0].weight.detach().clone()
    with average.origin(model):
        assert torch.equal(model[0].weight, left)
    assert torch.equal(model[0].weight, switched)
    assert not torch.equal(left, switched)
    average.update_parameters(model)
    with average.origin(model):
        assert torch.equal(model[0].weight, switched)


def test_moving_keeps_float32(model):
    average = SwitchEMA(model).half()
    assert average.average_now()['0.weight'].dtype == torch.float32


def test_statistics_of_its_own(model):
    average = SwitchEMA(model, 0.1)
    average.update_parameters(model)
    given = {'1.running_mean': torch.full((3,), 5.0)}
    average.set_statistics(given)
    average.update_parameters(model)
    with average.swapped(model):
        assert torch.equal(model[1].running_mean, given['1.running_mean'])
    assert torch.equal(model[1].running_mean, torch.zeros(3))
    average.switch_parameters(model)
    assert torch.equal(model[1].running_mean, given['1.running_mean'])
    with pytest.raises(RuntimeError, match='update_buffers=True'):
        SwitchEMA(model, update_buffers=True).set_statistics(given)


@pytest.mark.parametrize('interval', [2, 3])
@pytest.mark.parametrize('warmup', [None, 'linear', 'anneal'])
def test_compound_momentum_is_that_of_the_updates_left_out(interval, warmup):
    """Where the weights rest meanwhile, both averages are the same."""
    torch.manual_seed(0)
    model = nn.Linear(3, 3).double()
    options = dict(warmup=warmup, gamma=5.0 if warmup == 'anneal' else None)
    options['warmup_iters'] = 7 if warmup == 'linear' else 0
    each = SwitchEMA(model, 0.1, **options)
    rare = SwitchEMA(model, 0.1, interval=interval, compound=True, **options)
    longer = SwitchEMA(model, 0.1, interval=interval, **options)
    for step in range(5 * interval + 1):
        if step % interval == 1:
            moved(model)
        for average in (each, rare, longer):
            average.update_parameters(model)
    expected, found, other = (
        average.average_now()['weight'] for average in (each, rare, longer)
    )
    torch.testing.assert_close(found, expected)
    assert (other - expected).abs().max() > 1e-3


def test_tensors_that_share_memory_come_back_from_a_swap():
    """What ``b.data = a.data`` ties is averaged twice, but never mixed up."""
    model = nn.ModuleList([nn.Linear(40, 40), nn.Linear(40, 40)])
    model[1].weight.data = model[0].weight.data
    average = SwitchEMA(model, 0.1)
    average.update_parameters(model)
    average.update_parameters(moved(model))
    raw = model[0].weight.detach().clone()
    kept = {k: v.clone() for k, v in average.average_now().items()}
    for context in (average.swapped, average.origin):
        with context(model):
            pass
        assert torch.equal(model[0].weight, raw)
        now = average.average_now()
        assert all(torch.equal(now[name], kept[name]) for name in kept)


def test_a_model_that_is_cast_while_swapped_keeps_its_average(model):
    average = SwitchEMA(model, 0.1)
    average.update_parameters(model)
    average.update_parameters(moved(model))
    kept = {k: v.clone() for k, v in average.average_now().items()}
    raw = model[0].weight.detach().double()
    with average.swapped(model):
        model.double()
    for name, value in average.average_now().items():
        torch.testing.assert_close(value, kept[name])
    torch.testing.assert_close(model[0].weight, raw)


def test_a_state_dict_holds_averages_alone(model):
    """Averages that lie beside others do not bring these along."""
    average = SwitchEMA(model, 0.1)
    for tensor in average.state_dict().values():
        held = tensor.untyped_storage().nbytes()
        assert held == tensor.numel() * tensor.element_size()
