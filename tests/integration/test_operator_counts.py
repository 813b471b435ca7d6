"""Cost in operators, instructions and bytes: a guard without a clock.

The benchmark (research/speed/__main__.py) says how long things take; here
is what must not come back: work for each tensor in Python, and copies.
"""

from functools import partial

import pytest
import torch
from mmengine.model import ExponentialMovingAverage
from torch import nn
from torch.profiler import ProfilerActivity, profile

import sema_mm
from sema_mm.averaging import tensor_group
from sema_mm.averaging.functional import PIECE
from sema_mm.averaging.nonfinite_guard import JOINED, NonfiniteGuard
from sema_mm.averaging.tensor_group import JoinedGroup, TensorGroup
from tests.helpers.counting import allocations, instructions, operators
from tests.helpers.toy import build_runner, find_hook

ONE = {'_foreach_lerp_': 1}
FEW, MANY = 10, 400
#: Elements of a tensor, which are joined with others, and which are not.
NUMEL, LONG = 1000, 2000
TENSOR = 4 * NUMEL
#: Flags and single numbers.
SMALL = 1024

needs_cuda = pytest.mark.skipif(
    not torch.cuda.is_available(), reason='needs a CUDA device'
)


class Weights(nn.Module):
    """Nothing but tensors of one size."""

    def __init__(
        self, tensors, dtype=torch.float32, device='cpu', numel=NUMEL
    ):
        super().__init__()
        self.weights = nn.ParameterList(
            torch.randn(numel, dtype=dtype, device=device)
            for _ in range(tensors)
        )


def averaged(tensors, guarded=False, **kwargs):
    """Return a model, its warm average, and a call that updates it."""
    model = Weights(tensors, **kwargs)
    average = sema_mm.SwitchEMA(model, 0.01)
    guard = NonfiniteGuard(20)

    def update():
        average.update_parameters(model, guard.judge if guarded else None)
        guard.settle()

    for _ in range(3):
        update()
    return model, average, update


def mmengine_update(tensors):
    """Return a call that updates mmengine's average, tensor by tensor."""
    model = Weights(tensors)
    average = ExponentialMovingAverage(model, 0.01)
    average.update_parameters(model)
    return lambda: average.update_parameters(model)


def swap(average, model):
    with average.swapped(model):
        pass


@pytest.mark.parametrize('tensors', [FEW, MANY])
def test_an_update_is_one_operator(tensors):
    *_, update = averaged(tensors, numel=LONG)
    assert operators(update) == ONE


@pytest.mark.parametrize('tensors', [FEW, MANY])
def test_short_vectors_are_joined(tensors):
    *_, update = averaged(tensors)
    assert operators(update) == {'cat': 1, **ONE}


def test_two_dtypes_are_two_operators():
    model = Weights(FEW, numel=LONG)
    model.more = Weights(FEW, dtype=torch.float64, numel=LONG)
    average = sema_mm.SwitchEMA(model, 0.01)
    average.update_parameters(model)
    counts = operators(lambda: average.update_parameters(model))
    assert counts == {'_foreach_lerp_': 2}


@pytest.mark.parametrize('numel', [NUMEL, LONG])
def test_bfloat16_is_updated_in_few_operators(numel):
    *_, update = averaged(MANY, dtype=torch.bfloat16, numel=numel)
    assert operators(update) == {'_foreach_copy_': 1, **ONE}


@pytest.mark.parametrize('tensors', [FEW, MANY])
def test_the_guard_looks_once_at_short_vectors(tensors):
    *_, update = averaged(tensors, guarded=True)
    assert operators(update) == {'cat': 1, 'sum': 1, 'item': 1, **ONE}


@pytest.mark.parametrize('tensors', [FEW, MANY])
def test_the_guard_looks_once_at_each_of_the_others(tensors):
    *_, update = averaged(tensors, guarded=True, numel=LONG)
    assert operators(update) == {'sum': tensors, 'item': tensors, **ONE}


@pytest.mark.parametrize('guarded', [False, True], ids=['plain', 'guarded'])
def test_python_does_nothing_for_each_tensor(guarded):
    few, many = (instructions(averaged(n, guarded)[2]) for n in (FEW, MANY))
    assert many - few < (MANY - FEW) / 10


def test_counting_sees_work_for_each_tensor():
    few, many = (mmengine_update(n) for n in (FEW, MANY))
    assert operators(few)['lerp_'] == FEW
    assert operators(many)['lerp_'] == MANY
    assert instructions(many) - instructions(few) > 10 * (MANY - FEW)


@pytest.mark.parametrize('numel', [NUMEL, LONG])
@pytest.mark.parametrize('dtype', [torch.float32, torch.bfloat16])
def test_an_update_needs_no_new_bytes(dtype, numel):
    *_, update = averaged(MANY, dtype=dtype, numel=numel)
    peak, left = allocations(update)
    assert peak <= SMALL
    assert left == 0


@pytest.mark.parametrize('dtype', [torch.float32, torch.bfloat16])
@pytest.mark.parametrize('numel', [NUMEL, LONG])
def test_bytes_of_the_guard(numel, dtype):
    *_, update = averaged(MANY, guarded=True, dtype=dtype, numel=numel)
    peak, left = allocations(update)
    # Vectors that are joined, or a number for each of the others.
    assert peak <= max(4 * JOINED, 32 * MANY) + SMALL
    assert left == 0


@pytest.mark.parametrize('dtype', [torch.float32, torch.bfloat16])
def test_bytes_of_a_switch(dtype):
    model, average, _ = averaged(MANY, dtype=dtype)
    peak, left = allocations(lambda: average.switch_parameters(model))
    assert peak <= TENSOR + SMALL
    assert left == 0


def test_bytes_of_a_swap():
    model, average, _ = averaged(MANY)
    peak, left = allocations(lambda: swap(average, model))
    assert peak <= TENSOR + SMALL
    assert left == 0


@pytest.mark.parametrize('shape', [(3000, 1000), (3, 1000, 1000), (3000000,)])
def test_a_large_tensor_is_swapped_in_pieces(shape):
    model = nn.Module()
    model.weight = nn.Parameter(torch.zeros(shape))
    average = sema_mm.SwitchEMA(model, 0.01)
    average.update_parameters(model)
    peak, left = allocations(lambda: swap(average, model))
    assert peak <= 4 * PIECE
    assert left == 0


def test_bytes_of_a_swap_in_bfloat16():
    """A float32 average cannot rest in bfloat16: the weights are copied."""
    model, average, _ = averaged(MANY, dtype=torch.bfloat16)
    peak, left = allocations(lambda: swap(average, model))
    assert peak <= MANY * TENSOR / 2 + SMALL
    assert left == 0


def test_a_switch_is_one_operator():
    model, average, _ = averaged(MANY)
    counts = operators(lambda: average.switch_parameters(model))
    assert counts == {'_foreach_copy_': 1}


@pytest.mark.parametrize('numel', [NUMEL, LONG])
def test_an_average_takes_the_bytes_of_what_is_trainable(numel):
    model = Weights(MANY, numel=numel)
    model.register_buffer('table', torch.zeros(10 * NUMEL))
    for weight in list(model.parameters())[FEW:]:
        weight.requires_grad_(False)
    average, averages = None, 4 * FEW * numel

    def build_and_update():
        nonlocal average
        average = sema_mm.SwitchEMA(model, 0.01)
        for _ in range(3):
            average.update_parameters(model)

    peak, left = allocations(build_and_update)
    # Short vectors are joined in as many bytes again, 8 MB at most.
    room = averages if numel == NUMEL else 0
    assert left == averages + room
    assert peak <= 2 * averages + 4 * numel + SMALL


def test_the_room_for_short_vectors_has_an_end(monkeypatch):
    monkeypatch.setattr(tensor_group, 'PIECE', FEW * NUMEL)
    *_, average, update = averaged(MANY)
    groups = {type(group): group for group in average._groups}
    assert len(groups[JoinedGroup].values) == FEW
    assert len(groups[TensorGroup].values) == MANY - FEW
    assert operators(update) == {'cat': 1, '_foreach_lerp_': 2}


def test_the_hook_adds_no_operators(tmp_path):
    runner = build_runner(
        tmp_path, dict(type='sema_mm.SwitchEMAHook', momentum=0.1)
    )
    runner.train()
    hook = find_hook(runner, sema_mm.SwitchEMAHook)
    hook.before_train(runner)
    counts = []
    for _ in range(3):
        runner.optim_wrapper.optimizer.step()
        counts.append(operators(lambda: hook.after_train_iter(runner, 0)))
    hook.after_train(runner)
    assert hook.average.steps == 3
    average, guard = hook.average, NonfiniteGuard(20)
    update = partial(average.update_parameters, runner.model, guard.judge)
    update()
    assert counts[1] == counts[2] == operators(update)


@pytest.mark.gpu
@needs_cuda
@pytest.mark.parametrize('guarded', [False, True])
def test_an_update_launches_a_few_kernels(guarded):
    *_, update = averaged(MANY, guarded, device='cuda')
    torch.cuda.synchronize()
    with profile(activities=[ProfilerActivity.CUDA]) as profiler:
        update()
        torch.cuda.synchronize()
    kernels = [
        event
        for event in profiler.events()
        if event.device_type == torch.autograd.DeviceType.CUDA
    ]
    # A foreach call is split into launches of at most a hundred tensors.
    assert 0 < len(kernels) <= MANY / 10


@pytest.mark.gpu
@needs_cuda
def test_an_update_allocates_nothing_on_a_gpu():
    *_, update = averaged(MANY, device='cuda')
    torch.cuda.synchronize()
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    update()
    torch.cuda.synchronize()
    assert torch.cuda.max_memory_allocated() == before
