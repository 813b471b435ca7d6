"""What runs beside the training is ordered by events alone."""

import contextlib

import pytest
import torch
from torch import nn

import sema_mm
from sema_mm.averaging.nonfinite_guard import NonfiniteGuard
from sema_mm.averaging.side_stream import SideStream
from tests.helpers.toy import build_runner

OURS = dict(type='sema_mm.SwitchEMAHook', momentum=0.1, switch_interval=None)
needs_cuda = pytest.mark.skipif(
    not torch.cuda.is_available(), reason='needs CUDA'
)


class Stream:
    """Stands for a CUDA stream, and notes whom it waits for."""

    def __init__(self, device, name='side'):
        self.device, self.name, self.waits = device, name, []

    def wait_stream(self, other):
        self.waits.append(other.name)


@pytest.fixture
def main(monkeypatch):
    """Return the main stream of a GPU that is not there."""
    main = Stream(torch.device('cuda:0'), 'main')
    main.entered = []

    @contextlib.contextmanager
    def enter(stream):
        main.entered.append(stream.name)
        yield

    monkeypatch.setattr(torch.cuda, 'Stream', Stream)
    monkeypatch.setattr(torch.cuda, 'current_stream', lambda device: main)
    monkeypatch.setattr(torch.cuda, 'stream', enter)
    return main


def test_it_starts_after_what_was_and_ends_before_what_joins(main):
    beside = SideStream([main.device])
    side = beside._streams[0]
    beside.join()
    assert main.waits == []
    with beside.beside():
        assert (side.waits, main.entered) == (['main'], ['side'])
        assert main.waits == []
    beside.join()
    assert main.waits == ['side']
    beside.join()
    assert main.waits == ['side']
    with beside.beside():
        pass
    assert side.waits == ['main', 'main']
    beside.join()
    assert main.waits == ['side', 'side']


def test_a_cpu_has_no_streams():
    beside = SideStream([torch.device('cpu')])
    with beside.beside():
        pass
    beside.join()
    assert not beside.is_used


def test_whoever_reads_joins(main):
    model = nn.Linear(2, 2)
    average = sema_mm.SwitchEMA(model, 0.1, side_stream=True)
    assert not average.overlaps
    average._stream = SideStream([main.device])
    assert average.overlaps
    readers = [
        average.before_step,
        average.average_now,
        average.distance,
        average.state_dict,
        lambda: average.refresh(model),
        lambda: average.switch_parameters(model),
        lambda: average(torch.ones(1, 2)),
        lambda: average.to(torch.float32),
    ]
    for reader in readers:
        average._stream = SideStream([main.device])
        with average._stream.beside():
            pass
        main.waits.clear()
        reader()
        assert main.waits[:1] == ['side'], reader


def test_each_optimizer_step_joins(tmp_path, monkeypatch):
    runner = build_runner(tmp_path, dict(OURS, side_stream=True))
    events = []
    update = sema_mm.SwitchEMA.update_parameters
    monkeypatch.setattr(
        sema_mm.SwitchEMA,
        'before_step',
        lambda self: events.append('join'),
    )
    monkeypatch.setattr(
        sema_mm.SwitchEMA,
        'update_parameters',
        lambda self, *args: (events.append('update'), update(self, *args)),
    )
    runner.train()
    assert events == [*['join', 'update'] * runner.iter, 'join']


def test_on_a_cpu_the_hook_says_that_it_has_no_effect(tmp_path, capsys):
    build_runner(tmp_path, dict(OURS, side_stream=True)).train()
    said = 'side_stream=True has no effect: the model is not on a GPU.'
    assert said in capsys.readouterr().out


def test_buffers_that_change_meanwhile_are_refused():
    with pytest.raises(ValueError, match='side_stream=True and update_buffe'):
        sema_mm.SwitchEMA(
            nn.Linear(1, 1), side_stream=True, update_buffers=True
        )


def trained(side_stream, device=None, steps=20):
    """Train on a GPU, with averages; return both."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(512, 512), nn.Linear(512, 512)).cuda()
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    average = sema_mm.SwitchEMA(
        model, 0.1, side_stream=side_stream, device=device
    )
    guard = NonfiniteGuard(9)
    for step in range(steps):
        model(torch.randn(256, 512, device='cuda')).square().mean().backward()
        average.before_step()
        optimizer.step()
        if side_stream:
            # A late update must still read the weights of this step.
            with average._stream.beside():
                torch.cuda._sleep(10**7)
        average.update_parameters(model, guard.judge)
        if step == 10:
            average.switch_parameters(model)
    average.steps -= guard.settle(wait=True)
    assert average.steps == steps
    return model.state_dict(), average.state_dict()


@pytest.mark.gpu
@needs_cuda
@pytest.mark.parametrize('device', [None, 'cpu'])
def test_a_side_stream_changes_nothing(device):
    torch.backends.cuda.matmul.allow_tf32 = False
    expected, found = trained(False, device), trained(True, device)
    for one, other in zip(expected, found):
        torch.testing.assert_close(one, other, rtol=0, atol=0)


@pytest.mark.gpu
@needs_cuda
def test_averages_on_the_host_take_no_memory_of_the_gpu():
    model = nn.Linear(2000, 2000).cuda()
    before = torch.cuda.memory_allocated()
    average = sema_mm.SwitchEMA(model, 0.1, device='cpu')
    torch.cuda.reset_peak_memory_stats()
    for _ in range(3):
        average.update_parameters(model)
    assert average.average_now()['weight'].is_cpu
    assert torch.cuda.max_memory_allocated() - before <= 1024
