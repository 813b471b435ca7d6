import pytest
import torch
from torch import nn

from sema_mm import SwitchEMA
from sema_mm.averaging.nonfinite_guard import FiniteCheck, NonfiniteGuard
from sema_mm.averaging.tensor_group import SHORT

GOOD = [torch.ones(3), torch.ones(2, 2)]
BAD = [torch.ones(3), torch.full((2, 2), float('inf'))]
needs_cuda = pytest.mark.skipif(
    not torch.cuda.is_available(), reason='needs CUDA'
)
DTYPES = [torch.float16, torch.bfloat16, torch.float32, torch.float64]


class Arrival:
    """Stands for the event that tells when a flag has reached the host."""

    def __init__(self, arrived):
        self.arrived = arrived

    def query(self):
        return self.arrived

    def synchronize(self):
        self.arrived = True


def test_on_a_cpu_the_verdict_is_there_at_once():
    guard = NonfiniteGuard(3)
    assert guard.judge(GOOD) is False
    assert guard.judge(BAD) is True
    assert (guard.total, guard.in_a_row, guard.settle()) == (1, 1, 0)
    assert guard.judge(GOOD) is False
    assert (guard.total, guard.in_a_row) == (1, 0)


def test_a_step_that_did_not_happen_is_skipped_but_not_counted():
    guard = NonfiniteGuard(1)
    assert guard.judge(GOOD, torch.tensor([1.0])) is True
    assert guard.judge(GOOD, torch.tensor([0.0])) is False
    assert guard.total == 0


def test_the_limit():
    guard = NonfiniteGuard(2)
    guard.judge(BAD)
    with pytest.raises(RuntimeError, match='after 2 optimizer steps in a'):
        guard.judge(BAD)


def test_verdicts_are_counted_in_order_as_they_arrive():
    guard = NonfiniteGuard(9)
    late = Arrival(False)
    for code, arrival in ((0, Arrival(True)), (2, late), (1, Arrival(True))):
        guard._waiting.append((torch.tensor(code), arrival))
    assert guard.settle() == 0
    assert guard.settle() == 0 and guard.total == 0
    assert guard.settle(wait=True) == 2
    assert (guard.total, guard.in_a_row) == (1, 1)


@pytest.mark.gpu
@needs_cuda
def test_an_update_does_not_wait_for_the_gpu():
    model = nn.Linear(64, 64).cuda()
    average, guard = SwitchEMA(model, 0.1), NonfiniteGuard(9)
    average.update_parameters(model, guard.judge)
    torch.cuda.set_sync_debug_mode('error')
    try:
        for _ in range(5):
            average.update_parameters(model, guard.judge)
    finally:
        torch.cuda.set_sync_debug_mode('default')
    assert guard.settle(wait=True) == 0


@pytest.mark.gpu
@needs_cuda
def test_nan_on_a_gpu_is_skipped_and_counted_later():
    model = nn.Linear(4, 4).cuda()
    average, guard = SwitchEMA(model, 0.1), NonfiniteGuard(9)
    average.update_parameters(model, guard.judge)
    kept = average.average_now()['weight'].clone()
    model.weight.data[0, 0] = float('nan')
    average.update_parameters(model, guard.judge)
    average.steps -= guard.settle(wait=True)
    assert average.steps == 1 and guard.total == 1
    assert torch.equal(average.average_now()['weight'], kept)


@pytest.mark.parametrize('where', [0, 1, 2, 3])
@pytest.mark.parametrize('dtype', [*DTYPES, torch.complex64])
@pytest.mark.parametrize('bad', [float('nan'), float('inf'), -float('inf')])
def test_one_bad_element_is_seen(where, dtype, bad):
    shapes = (7, 5), (3,), (SHORT + 1,), (2, 2)
    tensors = [torch.randn(shape).to(dtype) for shape in shapes]
    is_finite = FiniteCheck(tensors)
    assert is_finite() is True
    good = tensors[where].flatten()[-1].clone()
    tensors[where].view(-1)[-1] = bad
    assert is_finite() is False
    tensors[where].view(-1)[-1] = good
    assert is_finite() is True


def test_opposite_infinities_do_not_cancel():
    assert not FiniteCheck([torch.tensor([torch.inf, -torch.inf])])()
    two = [torch.tensor([torch.inf]), torch.tensor([-torch.inf])]
    assert not FiniteCheck(two)()


@pytest.mark.parametrize('shape', [(400,), (20, 20)])
@pytest.mark.parametrize('dtype', DTYPES)
def test_large_weights_are_finite(shape, dtype):
    largest = torch.finfo(dtype).max / 1000
    assert FiniteCheck([torch.full(shape, largest, dtype=dtype)])()


def test_nothing_is_finite():
    assert FiniteCheck([])()
    assert FiniteCheck([torch.empty(0), torch.empty(0, 3)])()


def test_tensors_may_be_rebound():
    weight = torch.nn.Parameter(torch.ones(3))
    is_finite = FiniteCheck([weight])
    weight.data = torch.tensor([1.0, torch.nan, 1.0])
    assert not is_finite()
