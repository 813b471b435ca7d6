"""Checks of the averages on a device against float64 on the CPU."""

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Optional

import torch
from torch import Tensor, nn

from sema_mm import SwitchEMA
from sema_mm.averaging.functional import bit_equal, gated_lerp_
from sema_mm.averaging.nonfinite_guard import NonfiniteGuard

from .counts import synchronisations

__all__ = ['VARIANTS', 'Check', 'run_checks']

#: Ways of averaging that differ on a GPU, by their arguments.
VARIANTS: dict[str, dict[str, Any]] = {
    'plain': {},
    'side_stream': {'side_stream': True},
    "device='cpu'": {'device': 'cpu'},
    "device='cpu', side_stream": {'device': 'cpu', 'side_stream': True},
    'interval=4, compound': {'interval': 4, 'compound': True},
}
DTYPES = (torch.float32, torch.bfloat16, torch.float16)
SHAPES = ((3,), (1000,), (64, 3, 7, 7), (256, 128), ())
#: More elements than an update casts at a time.
LARGE = (2100, 1000)
MOMENTUM, STEPS = 0.1, 10
#: The step whose weights hold a NaN, for the guard.
BAD = 5
#: Largest error, relative to the largest element of all averages.
TOLERANCE = 1e-6


@dataclass(frozen=True)
class Check:
    """One property, and whether it holds.

    Attributes:
        what (str): The property.
        passed (bool): Whether it holds.
        found (str): The figure, or the error.
    """

    what: str
    passed: bool
    found: str


class Weights(nn.Module):
    """Parameters of several shapes, and nothing else."""

    def __init__(self, device: str) -> None:
        super().__init__()
        shapes = SHAPES if device == 'cpu' else (*SHAPES, LARGE)
        self.weights = nn.ParameterList(torch.zeros(s) for s in shapes)
        self.to(device)

    @torch.no_grad()
    def step(self, generator: torch.Generator) -> None:
        """Set all weights to random values."""
        for weight in self.weights:
            weight.copy_(torch.randn(weight.shape, generator=generator))


def run_checks(device: str) -> Iterator[Check]:
    """Run all checks of a device.

    Args:
        device (str): 'cuda' or 'cpu'.

    Yields:
        Check: The results; an exception is a failed check.
    """
    for dtype in DTYPES:
        for name, options in VARIANTS.items():
            what = f'{name}, {str(dtype).removeprefix("torch.")}'
            yield _run(what, _check_average, device, dtype, options)
            if 'interval' not in options:
                what = f'{what}, guarded, one step with NaN'
                yield _run(what, _check_average, device, dtype, options, BAD)
    yield _run('fused gate: open', _check_gate, device, False)
    yield _run('fused gate: shut, NaN', _check_gate, device, True)
    for name, options in VARIANTS.items():
        what = f'{name}: addresses, switch and swap'
        yield _run(what, _check_addresses, device, options)
    if device == 'cuda':
        for name, options in VARIANTS.items():
            yield _run(f'{name}: CUDA graph', _check_graph, options)
            if options.get('device') != 'cpu':
                what = f'{name}: the host waits'
                yield _run(what, _check_waits, options)


def _run(
    what: str, check: Callable[..., tuple[bool, str]], *args: Any
) -> Check:
    try:
        return Check(what, *check(*args))
    except Exception as error:  # Hardware that it never ran on.
        return Check(what, False, f'{type(error).__name__}: {error}')


def _check_average(
    device: str,
    dtype: torch.dtype,
    options: dict[str, Any],
    bad: Optional[int] = None,
) -> tuple[bool, str]:
    """Compare averages after some steps with the formula in float64."""
    generator = torch.Generator().manual_seed(0)
    model = Weights(device).to(dtype)
    average = SwitchEMA(model, MOMENTUM, **options)
    guard = NonfiniteGuard(STEPS) if bad is not None else None
    interval = options.get('interval', 1)
    expected: list[Tensor] = []
    for step in range(STEPS):
        average.before_step()
        model.step(generator)
        if step == bad:
            model.weights[0].data[1] = torch.nan
        values = [w.detach().double().cpu() for w in model.weights]
        _delay(average)
        average.update_parameters(model, guard.judge if guard else None)
        if step != bad and step % interval == 0:
            weight = 1 - (1 - MOMENTUM) ** interval
            pairs = zip(expected, values)
            expected = [a.lerp(v, weight) for a, v in pairs] or values
    if guard:
        average.steps -= guard.settle(wait=True)
    found = average.average_now().values()
    apart = [a.double().cpu() - e for a, e in zip(found, expected)]
    error = _largest(apart) / _largest(expected)
    steps = STEPS - (bad is not None)
    if average.steps != steps:
        return False, f'{average.steps} updates counted instead of {steps}'
    return error <= TOLERANCE, f'relative error {error:.1e}'


def _largest(tensors: Iterable[Tensor]) -> float:
    return max(float(tensor.abs().max()) for tensor in tensors)


def _delay(average: SwitchEMA) -> None:
    """Keep the side stream busy, so that its update is a late one."""
    if average.overlaps:
        with average._stream.beside():
            torch.cuda._sleep(10**7)


def _check_gate(device: str, shut: bool) -> tuple[bool, str]:
    """Compare the gated update with float64; shut, it changes no bit."""
    torch.manual_seed(0)
    averages = [torch.randn(s, device=device) for s in SHAPES]
    values = [torch.randn(s, device=device) for s in SHAPES]
    if shut:
        values[0][1] = torch.nan
    before = [a.clone() for a in averages]
    skip = torch.tensor(shut, device=device)
    gated_lerp_(averages, values, MOMENTUM, skip)
    if shut:
        return all(map(bit_equal, averages, before)), 'bits compared'
    error = _largest(
        a.double() - b.double().lerp(v.double(), MOMENTUM)
        for a, b, v in zip(averages, before, values)
    )
    return error <= TOLERANCE, f'largest error {error:.1e}'


def _check_addresses(device: str, options: dict[str, Any]) -> tuple[bool, str]:
    """Update, switch, swap and load without moving a tensor of the model."""
    generator = torch.Generator().manual_seed(0)
    model = Weights(device)
    average = SwitchEMA(model, MOMENTUM, **options)
    before = [weight.data_ptr() for weight in model.weights]
    for _ in range(2):
        average.before_step()
        model.step(generator)
        average.update_parameters(model)
    own = [weight.detach().clone() for weight in model.weights]
    averages = [a.to(device).clone() for a in average.average_now().values()]
    with average.swapped(model):
        swapped = all(map(bit_equal, model.weights, averages))
    swapped &= all(map(bit_equal, model.weights, own))
    average.switch_parameters(model)
    switched = all(map(bit_equal, model.weights, averages))
    average.load_state_dict(average.state_dict())
    stable = before == [weight.data_ptr() for weight in model.weights]
    found = f'stable={stable}, swapped={swapped}, switched={switched}'
    return stable and swapped and switched, found


def _check_graph(options: dict[str, Any]) -> tuple[bool, str]:
    """Replay a captured forward pass after updates and a switch."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(256, 256), nn.ReLU(), nn.Linear(256, 8))
    model.cuda().requires_grad_()
    inputs = torch.randn(32, 256, device='cuda')
    average = SwitchEMA(model, MOMENTUM, **options)
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream), torch.no_grad():
        model(inputs)
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.no_grad(), torch.cuda.graph(graph):
        outputs = model(inputs)
    graph.replay()
    old = outputs.clone()
    for factor in (1.5, 0.5, 2.0, 3.0, 0.1):
        average.before_step()
        with torch.no_grad():
            torch._foreach_mul_(list(model.parameters()), factor)
        average.update_parameters(model)
    average.switch_parameters(model)
    graph.replay()
    with torch.no_grad():
        now = model(inputs)
    error = float((outputs - now).abs().max() / now.abs().max())
    moved = float((outputs - old).abs().max() / now.abs().max())
    found = f'relative error {error:.1e}, changed by {moved:.1e}'
    return error <= 1e-5 < moved and math.isfinite(error), found


def _check_waits(options: dict[str, Any]) -> tuple[bool, str]:
    """Count how often the host waits for the GPU in guarded updates."""
    model = Weights('cuda')
    average = SwitchEMA(model, MOMENTUM, **options)
    guard = NonfiniteGuard(STEPS)

    def step() -> None:
        average.before_step()
        average.update_parameters(model, guard.judge)
        guard.settle()

    step()
    waits = sum(synchronisations(step) for _ in range(STEPS))
    return waits == 0, f'{waits} times in {STEPS} updates'
