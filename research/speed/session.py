"""The whole measurement, from the command line to the results."""

import argparse
import tempfile
from dataclasses import replace
from pathlib import Path

import torch
from rich.progress import Progress

from .growth import grow
from .growth import sizes as sizes_of_growth
from .measure import Pace
from .models import (
    CONFIGS,
    SYNTHETIC,
    Synthetic,
    batch_for,
    build,
    cast,
    describe,
)
from .profiles import profile_hook
from .results import Results
from .runners import OUR_HOOK, Stand
from .suites import Bench

__all__ = ['measure', 'profile']


def measure(args: argparse.Namespace, folder: Path) -> Results:
    """Measure everything; runners write into ``folder``."""
    results = Results()
    pace = Pace(args.rounds, clock=args.clock)
    if args.quick:
        pace = replace(pace, seconds=0.5, least=2, warm_ups=2)
    tasks = []
    for device in args.device:
        dtypes = [torch.float32]
        dtypes += [torch.bfloat16] if device == 'cuda' else []
        tasks += [(device, d, m) for d in dtypes for m in args.models]
    sizes = sizes_of_growth(args.quick, args.largest)
    with Progress(transient=True) as progress:
        work = len(tasks) + len(sizes) * len(args.device) + 1
        bar = progress.add_task('', total=work)
        for device, dtype, name in tasks:
            progress.update(bar, description=f'{name}, {device}, {dtype}')
            with tempfile.TemporaryDirectory(dir=folder) as inner:
                at = Path(inner)
                _measure_model(name, device, dtype, pace, at, results)
            progress.advance(bar)
        for device in args.device:
            for size in sizes:
                progress.update(bar, description='{} x, {} MB'.format(*size))
                grow(*size, device, pace, folder, results)
                progress.advance(bar)
        progress.update(bar, description='frozen weights, one tensor')
        _measure_frozen(args.device[0], pace, folder, results)
        for device in args.device:
            _measure_overhead(device, pace, folder, results)
    return results


def _measure_model(
    name: str,
    device: str,
    dtype: torch.dtype,
    pace: Pace,
    folder: Path,
    results: Results,
) -> None:
    """Measure one of the models in all ways."""
    model = cast(build(name), device, dtype)
    batch = batch_for(name, model)
    subject = describe(name, model)
    bench = Bench(subject, model, batch, pace, folder, results)
    bench.steps()
    bench.hooks()
    bench.switches()
    bench.memory()
    bench.checkpoints()
    iterations = min(pace.rounds, 15)
    bench.iterations(iterations)
    if device == 'cuda' and name in CONFIGS:
        bench.iterations(iterations, compiled=True)


def _measure_frozen(
    device: str, pace: Pace, folder: Path, results: Results
) -> None:
    """Count the memory that frozen weights need."""
    model = cast(Synthetic(101, 101), device, torch.float32)
    for weight in list(model.parameters())[1:]:
        weight.requires_grad_(False)
    subject = describe('one of 101 tensors', model)
    batch = batch_for(SYNTHETIC, model)
    bench = Bench(subject, model, batch, pace, folder, results)
    bench.memory('frozen memory')


def _measure_overhead(
    device: str, pace: Pace, folder: Path, results: Results
) -> None:
    """Time the hook on a model with next to nothing in it."""
    model = cast(Synthetic(1, 0.0), device, torch.float32)
    batch = batch_for(SYNTHETIC, model)
    subject = describe('one tensor', model)
    Bench(subject, model, batch, pace, folder, results).overhead()


def profile(args: argparse.Namespace, folder: Path) -> list[Path]:
    """Write a profile of each model; return the files."""
    files = []
    args.out.mkdir(parents=True, exist_ok=True)
    for device in args.device:
        for name in args.models:
            model = cast(build(name), device, torch.float32)
            batch = batch_for(name, model)
            stand = Stand(OUR_HOOK, model, batch, folder).start()
            text = profile_hook(stand, device == 'cuda')
            file = f'profile_{device}_{name.replace("/", "-")}.txt'
            files.append(args.out / file)
            files[-1].write_text(text)
    return files
