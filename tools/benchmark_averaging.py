"""Measures what averaging costs: ours, every peer's, and the floor.

Writes environment.json, rows.csv, counts.csv, summary.md and plot.png::

    pip install -r requirements/benchmark.txt
    python tools/benchmark_averaging.py --out benchmarks/NAME
"""

import argparse
import logging
import shlex
import sys
import tempfile
import warnings
from pathlib import Path

import torch
from benchmarks import growth, report
from benchmarks.measure import Pace
from benchmarks.models import (
    CONFIGS,
    MODELS,
    SYNTHETIC,
    Synthetic,
    batch_for,
    build,
    cast,
    describe,
)
from benchmarks.profiles import profile_hook
from benchmarks.runners import OUR_HOOK, Stand
from benchmarks.suites import Bench, Results
from benchmarks.surroundings import describe_surroundings
from rich.console import Console
from rich.progress import Progress


def parse_args() -> argparse.Namespace:
    """Reads the command line.

    Returns:
        argparse.Namespace: The arguments.
    """
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument(
        '--models',
        nargs='+',
        choices=MODELS,
        metavar='MODEL',
        help=f'some of {", ".join(MODELS)} (default: all; with --quick, the '
        'last)',
    )
    parser.add_argument(
        '--rounds',
        type=int,
        default=50,
        help='samples of each contestant, fewer where they take long '
        '(default: 50)',
    )
    parser.add_argument(
        '--device',
        nargs='+',
        choices=['cpu', 'cuda'],
        help='where (default: cpu, and cuda where there is one)',
    )
    parser.add_argument(
        '--out',
        type=Path,
        default=Path('work_dirs/benchmark_averaging'),
        help='folder of the results',
    )
    parser.add_argument(
        '--largest',
        type=int,
        default=1000,
        metavar='MB',
        help='end of the growth; 4000 needs 44 GB (default: 1000)',
    )
    parser.add_argument(
        '--quick', action='store_true', help='a minute, to see that it works'
    )
    parser.add_argument(
        '--profile',
        action='store_true',
        help='only write where the time of our hook goes',
    )
    parser.add_argument(
        '--redraw',
        action='store_true',
        help='only write summary.md and plot.png anew, from the rows',
    )
    args = parser.parse_args()
    if args.rounds < 1:
        parser.error(f'--rounds must be at least 1, not {args.rounds}')
    if 'cuda' in (args.device or ()) and not torch.cuda.is_available():
        parser.error('--device cuda: this machine has no CUDA device')
    if args.device is None:
        cuda = ['cuda'] if torch.cuda.is_available() else []
        args.device = ['cpu', *cuda]
    if args.models is None:
        args.models = [SYNTHETIC] if args.quick else MODELS
    if args.quick:
        args.rounds = min(args.rounds, 5)
    return args


def measure(args: argparse.Namespace, folder: Path) -> Results:
    """Measures everything.

    Args:
        args (argparse.Namespace): The command line.
        folder (Path): Where runners may write.

    Returns:
        Results: What was found.
    """
    results = Results()
    pace = Pace(args.rounds, seconds=2.0 if args.quick else 20.0)
    tasks = []
    for device in args.device:
        dtypes = [torch.float32]
        dtypes += [torch.bfloat16] if device == 'cuda' else []
        tasks += [(device, d, m) for d in dtypes for m in args.models]
    sizes = growth.sizes(args.quick, args.largest)
    with Progress(transient=True) as progress:
        work = len(tasks) + len(sizes) * len(args.device) + 1
        bar = progress.add_task('', total=work)
        for device, dtype, name in tasks:
            progress.update(bar, description=f'{name}, {device}, {dtype}')
            measure_model(name, device, dtype, pace, folder, results)
            progress.advance(bar)
        for device in args.device:
            for size in sizes:
                progress.update(bar, description='{} x, {} MB'.format(*size))
                growth.grow(*size, device, pace, folder, results)
                progress.advance(bar)
        progress.update(bar, description='frozen weights')
        measure_frozen(args.device[0], pace, folder, results)
    return results


def measure_model(
    name: str,
    device: str,
    dtype: torch.dtype,
    pace: Pace,
    folder: Path,
    results: Results,
) -> None:
    """Measures one of the models in all ways.

    Args:
        name (str): The model.
        device (str): Its device.
        dtype (torch.dtype): Its dtype.
        pace (Pace): How long to measure.
        folder (Path): Where runners may write.
        results (Results): Where the findings go.
    """
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


def measure_frozen(
    device: str, pace: Pace, folder: Path, results: Results
) -> None:
    """Counts the memory that frozen weights need.

    Args:
        device (str): Where.
        pace (Pace): Not used.
        folder (Path): Where runners may write.
        results (Results): Where the findings go.
    """
    model = cast(Synthetic(101, 101), device, torch.float32)
    for weight in model.weights[1:]:
        weight.requires_grad_(False)
    subject = describe('one of 101 tensors', model)
    batch = batch_for(SYNTHETIC, model)
    bench = Bench(subject, model, batch, pace, folder, results)
    bench.memory('frozen memory')


def profile(args: argparse.Namespace, folder: Path) -> list[Path]:
    """Writes a profile of each model.

    Args:
        args (argparse.Namespace): The command line.
        folder (Path): Where runners may write.

    Returns:
        list[Path]: The files.
    """
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


def command_line(args: argparse.Namespace) -> str:
    """Writes the command as anyone can repeat it.

    Args:
        args (argparse.Namespace): The command line.

    Returns:
        str: It, with the name of the folder in place of its path.
    """
    given = iter(sys.argv[1:])
    words = ['python', 'tools/benchmark_averaging.py']
    for word in given:
        words.append(word)
        if word == '--out':
            words.append(f'benchmarks/{Path(next(given)).name}')
    return shlex.join(words)


def main() -> None:
    """Measures and reports."""
    args = parse_args()
    console = Console(highlight=False)
    warnings.filterwarnings('ignore')
    logging.getLogger('mmengine').setLevel(logging.ERROR)
    if args.redraw:
        results, surroundings = report.read(args.out)
        report.write(args.out, results, surroundings)
        console.print(args.out / 'summary.md')
        return
    with tempfile.TemporaryDirectory() as folder:
        if args.profile:
            for file in profile(args, Path(folder)):
                console.print(file)
            return
        surroundings = describe_surroundings(command_line(args))
        results = measure(args, Path(folder))
    report.write(args.out, results, surroundings)
    for file in sorted(args.out.iterdir()):
        console.print(file)


if __name__ == '__main__':
    main()
