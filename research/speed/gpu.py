"""Check and time the averages on one GPU, with torch and mmengine alone.

Checks side streams, averages in page-locked memory, the fused gate, skipped
updates and CUDA graphs against float64 on the CPU; then times them beside raw
``torch._foreach_lerp_`` and the averages of mmengine and torch. Writes
rows.csv, environment.json and summary.md; the exit code is 1 if a check
failed, and 2 without a GPU::

    python -m research.speed.gpu --out DIR
"""

import argparse
import copy
import csv
import logging
import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import torch
from torch import nn

from research.common.environment import (
    describe_environment,
    write_environment,
)
from research.common.tables import markdown_table
from sema_mm import SwitchEMA
from sema_mm.averaging.nonfinite_guard import NonfiniteGuard

from .command import command_line
from .counts import allocated
from .floors import Floors
from .gpu_checks import VARIANTS, Check, run_checks
from .measure import Contestant, Pace, interleaved, per_iteration, warmed
from .models import Synthetic, cast, describe
from .peers import MMENGINE, MOMENTUM, OURS, PEERS
from .rows import Row, make_rows
from .runners import NONE
from .tables import times_table

#: Tensors and megabytes, and the widths of the network that is trained; on a
#: CPU only to test the program.
SIZES = {
    'cuda': ((160, 100.0), (150, 350.0), (1000, 100.0), (5000, 5.0)),
    'cpu': ((20, 0.1),),
}
WIDTHS = {'cuda': 2048, 'cpu': 32}
DTYPES = (torch.float32, torch.bfloat16)
LAYERS, BLOCK = 8, 10
RIVALS = (MMENGINE, 'torch AveragedModel, foreach')

Call = Callable[[], Any]


@dataclass
class Found:
    """What was found.

    Attributes:
        checks (list[Check]): Whether the averages are right.
        rows (list[Row]): Times.
        memory (list[tuple]): Name, bytes held on the device, at the peak.
        failures (dict): Contestants that could not be timed, to the reason.
    """

    checks: list[Check] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    memory: list[tuple[str, int, int]] = field(default_factory=list)
    failures: dict[str, str] = field(default_factory=dict)


def averagings() -> dict[str, Callable[[nn.Module], tuple[Call, Call]]]:
    """Map names to functions that return the calls around a step."""
    ours = {
        OURS if name == 'plain' else f'{OURS}, {name}': options
        for name, options in VARIANTS.items()
    }

    def build(options: dict[str, Any]) -> Any:
        def start(model: nn.Module) -> tuple[Call, Call]:
            average = SwitchEMA(model, MOMENTUM, **options)
            guard = NonfiniteGuard(20)

            def after() -> None:
                average.update_parameters(model, guard.judge)
                guard.settle()

            return average.before_step, after

        return start

    def rival(name: str) -> Any:
        return lambda model: (_nothing, PEERS[name](model))

    return {
        **{name: build(options) for name, options in ours.items()},
        **{name: rival(name) for name in RIVALS},
    }


def _nothing() -> None:
    """Do nothing."""


def measure(device: str, pace: Pace) -> Found:
    """Check, then time.

    Args:
        device (str): 'cuda', or 'cpu' to test the program.
        pace (Pace): How long to measure.

    Returns:
        Found: The results.
    """
    found = Found(list(run_checks(device)))
    for dtype in DTYPES:
        for tensors, megabytes in SIZES[device]:
            model = cast(Synthetic(tensors, megabytes), device, dtype)
            name = f'{tensors} tensors, {megabytes:g} MB'
            _time_steps(name, model, device, pace, found)
    _time_iterations(device, pace, found)
    model = cast(Synthetic(*SIZES[device][0]), device, torch.float32)
    for name, start in averagings().items():
        _measure_memory(name, start, model, device, found)
    return found


def _time_steps(
    name: str, model: nn.Module, device: str, pace: Pace, found: Found
) -> None:
    """Time one update; on the current stream, which side streams leave."""
    contestants = Floors(model).lerp()
    for contestant, start in averagings().items():
        calls = _attempt(f'{contestant}: step', found, start, model)
        if calls:
            contestants.append(Contestant(contestant, calls[1], calls[0]))
    _time(name, model, 'step', contestants, device, pace, found)


def _time_iterations(device: str, pace: Pace, found: Found) -> None:
    """Time forward and backward pass, optimizer step and update."""
    width = WIDTHS[device]
    layers = [nn.Linear(width, width) for _ in range(LAYERS)]
    model = nn.Sequential(*layers).to(device)
    inputs = torch.randn(width, width, device=device)

    def iterate(name: str) -> Call:
        trained = copy.deepcopy(model)
        optimizer = torch.optim.SGD(trained.parameters(), 1e-6, momentum=0.9)
        before, after = _nothing, _nothing
        if name != NONE:
            before, after = averagings()[name](trained)

        def run() -> None:
            for _ in range(BLOCK):
                optimizer.zero_grad()
                trained(inputs).square().mean().backward()
                before()
                optimizer.step()
                after()

        return run

    contestants = []
    for name in (NONE, *averagings()):
        call = _attempt(f'{name}: iteration', found, iterate, name)
        if call:
            contestants.append(Contestant(name, call))
    name = f'{LAYERS} x {width}'
    _time(name, model, 'iteration', contestants, device, pace, found, BLOCK)


def _time(
    name: str,
    model: nn.Module,
    what: str,
    contestants: list[Contestant],
    device: str,
    pace: Pace,
    found: Found,
    iterations: int = 1,
) -> None:
    failures: dict[str, str] = {}
    ready = warmed(contestants, failures, pace.warm_ups)
    found.failures.update({f'{k}: {what}': v for k, v in failures.items()})
    samples = per_iteration(interleaved(ready, pace, device), iterations)
    found.rows += make_rows(describe(name, model), what, samples)


def _measure_memory(
    name: str,
    start: Callable[[nn.Module], tuple[Call, Call]],
    model: nn.Module,
    device: str,
    found: Found,
) -> None:
    """Find how much memory of the device an average needs."""

    def average() -> Any:
        before, after = start(model)
        for _ in range(3):
            before()
            after()
        return before, after

    peaks = _attempt(f'{name}: memory', found, allocated, average, device)
    if peaks:
        found.memory.append((name, peaks[1], peaks[0]))


def _attempt(
    what: str, found: Found, call: Callable[..., Any], *args: Any
) -> Any:
    """Return what a call returns; None if it fails, which is recorded."""
    try:
        return call(*args)
    except Exception as error:  # Hardware that it never ran on.
        found.failures[what] = f'{type(error).__name__}: {error}'
        return None


def summarise(found: Found, environment: dict[str, Any]) -> str:
    """Write the summary.

    Args:
        found (Found): The results.
        environment (dict): The content of environment.json.

    Returns:
        str: Markdown.
    """
    passed = sum(check.passed for check in found.checks)
    checks = [
        [check.what, 'passed' if check.passed else 'FAILED', check.found]
        for check in found.checks
    ]
    memory = [
        [name, f'{held / 1e6:.1f}', f'{peak / 1e6:.1f}']
        for name, held, peak in found.memory
    ]
    failures = [f'- {k}: {v}' for k, v in found.failures.items()]
    parts = [
        '# Averages on a GPU',
        f'{environment["gpu"] or environment["cpu"]}; torch '
        f'{environment["packages"]["torch"]}; commit '
        f'`{str(environment["commit"])[:12]}`.',
        f'```bash\n{environment["command"]}\n```',
        f'## Checks: {passed} of {len(checks)} passed',
        'Against float64 on the CPU; side streams are delayed on purpose.',
        markdown_table(['check', '', 'found'], checks).rstrip(),
        '## Times',
        'Updates with the non-finite guard. A step: ratio to '
        '`torch._foreach_lerp_`, on the current stream, which work on a side '
        'stream leaves. An iteration: ratio to training without averaging.',
    ]
    for dtype in dict.fromkeys(row.dtype for row in found.rows):
        rows = [row for row in found.rows if row.dtype == dtype]
        parts.append(f'### {dtype}')
        tables = (times_table(rows, what) for what in ('step', 'iteration'))
        parts += filter(None, tables)
    parts += [
        '## Memory of the device, MB',
        markdown_table(['', 'held', 'peak'], memory, numbers=True).rstrip(),
    ]
    if failures:
        parts += ['## Not measured', '\n'.join(failures)]
    return '\n\n'.join(parts) + '\n'


def write(folder: Path, found: Found, environment: dict[str, Any]) -> None:
    """Write rows.csv, environment.json and summary.md.

    Args:
        folder (Path): Where to; it is created.
        found (Found): The results.
        environment (dict): The content of environment.json.
    """
    folder.mkdir(parents=True, exist_ok=True)
    write_environment(folder, environment)
    # Without pandas, which a bare GPU machine need not have.
    with open(folder / 'rows.csv', 'w', newline='') as file:
        writer = csv.DictWriter(file, [f.name for f in fields(Row)])
        writer.writeheader()
        writer.writerows(vars(row) for row in found.rows)
    (folder / 'summary.md').write_text(summarise(found, environment))


def main() -> None:
    """Check, time and report."""
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--out', type=Path, required=True, metavar='DIR')
    parser.add_argument(
        '--rounds', type=int, default=50, help=argparse.SUPPRESS
    )
    parser.add_argument('--device', default='cuda', help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.device == 'cuda' and not torch.cuda.is_available():
        parser.exit(2, 'error: research.speed.gpu needs a CUDA device.\n')
    warnings.filterwarnings('ignore')
    logging.getLogger('mmengine').setLevel(logging.ERROR)
    command = command_line('research.speed.gpu')
    environment = describe_environment(command, 'wall')
    found = measure(args.device, Pace(args.rounds, seconds=10.0))
    write(args.out, found, environment)
    print(args.out / 'summary.md')
    if not all(check.passed for check in found.checks):
        sys.exit('error: a check failed; see summary.md.')


if __name__ == '__main__':
    main()
