"""Trains a study, setting by setting and seed by seed.

Writes ``rows.csv`` (every network, seed, epoch and metric),
``environment.json``, ``summary.md`` and figures into a folder. What has its
rows there is not trained again, so that the same command goes on after an
interruption::

    OMP_NUM_THREADS=1 python tools/run_study.py \
        configs/study/fashion_mnist.py --out FOLDER --jobs 2
"""

import argparse
import concurrent.futures
import importlib.util
import json
import multiprocessing
import shlex
import signal
import sys
import time
from pathlib import Path

import safetensors.torch
import torch
from rich.console import Console
from rich.progress import Progress
from study.data import Splits, read_splits
from study.plan import Run, Study, finished
from study.rows import Row, append_rows, read_rows
from study.training import Training

from benchmarks.surroundings import describe_surroundings

#: The study and its data, in each of the processes that train.
_own: tuple[Study, Splits]


def parse_args() -> argparse.Namespace:
    """Reads the command line.

    Returns:
        argparse.Namespace: The arguments.
    """
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('config', type=Path, help='a file of configs/study')
    parser.add_argument('--out', type=Path, required=True, metavar='FOLDER')
    parser.add_argument('--jobs', type=int, default=1, help='runs at a time')
    parser.add_argument(
        '--hours', type=float, help='begin no training after so many hours'
    )
    parser.add_argument('--work-dir', type=Path, default='work_dirs/study')
    args = parser.parse_args()
    if not args.config.is_file():
        parser.error(f'there is no config {args.config}')
    if args.jobs < 1:
        parser.error(f'--jobs must be at least 1, not {args.jobs}')
    if importlib.util.find_spec('timm') is None:
        parser.error('Lookahead needs timm: see requirements/benchmark.txt')
    return args


def prepare(config: Path) -> None:
    """Reads what every training of this process needs.

    Args:
        config (Path): The config.
    """
    global _own
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Networks this small gain nothing from a second thread.
    torch.set_num_threads(1)
    study = Study(config)
    data = study.config.data
    _own = study, read_splits(Path(data.root), data.validation)


def train(run: Run, folder: Path) -> tuple[list[Row], float]:
    """Trains once, and keeps the networks.

    Args:
        run (Run): What to train.
        folder (Path): Where the networks go.

    Returns:
        tuple[list[Row], float]: Its rows, and the seconds that it took.
    """
    begin = time.monotonic()
    study, splits = _own
    training = Training(study, run, splits)
    rows = list(training.rows())
    for (method, momentum), state in training.states().items():
        end = '' if momentum is None else f'_{momentum:.6g}'
        file = folder / run.name / f'{method}{end}.safetensors'
        file.parent.mkdir(parents=True, exist_ok=True)
        safetensors.torch.save_file(state, file)
    return rows, time.monotonic() - begin


def train_missing(
    args: argparse.Namespace, study: Study, console: Console
) -> bool:
    """Trains what has no rows yet, stage by stage.

    Args:
        args (argparse.Namespace): The command line.
        study (Study): The study.
        console (Console): Where each run is reported.

    Returns:
        bool: Whether all of it has been trained.
    """
    end = time.monotonic() + 3600 * (args.hours or float('inf'))
    rows = read_rows(args.out / 'rows.csv')
    with concurrent.futures.ProcessPoolExecutor(
        args.jobs,
        multiprocessing.get_context('spawn'),
        prepare,
        (args.config,),
    ) as pool:
        try:
            for runs in study.stages(rows):
                done = finished(rows, study.config.epochs)
                missing = [run for run in runs if run.key not in done]
                train_stage(args, missing, rows, pool, console, end)
                if time.monotonic() > end:
                    return False
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return True


def train_stage(
    args: argparse.Namespace,
    runs: list[Run],
    rows: list[Row],
    pool: concurrent.futures.Executor,
    console: Console,
    end: float,
) -> None:
    """Trains runs that do not wait for each other.

    Args:
        args (argparse.Namespace): The command line.
        runs (list[Run]): The runs.
        rows (list[Row]): The rows so far, which grow.
        pool (Executor): Trains.
        console (Console): Where each run is reported.
        end (float): When to begin no further run, by the monotonic clock.
    """
    waiting = iter(runs)
    active: dict[concurrent.futures.Future, Run] = {}
    with Progress(console=console, transient=True) as progress:
        bar = progress.add_task('', total=len(runs))
        while True:
            while len(active) < args.jobs and time.monotonic() < end:
                run = next(waiting, None)
                if run is None:
                    break
                active[pool.submit(train, run, args.work_dir)] = run
            if not active:
                return
            progress.update(bar, description=next(iter(active.values())).name)
            ended, _ = concurrent.futures.wait(
                active, return_when=concurrent.futures.FIRST_COMPLETED
            )
            for future in ended:
                run = active.pop(future)
                found, seconds = future.result()
                append_rows(args.out / 'rows.csv', found)
                rows += found
                console.print(f'{run.name}: {seconds:.0f} s')
                progress.advance(bar)


def main() -> None:
    """Trains and tabulates."""
    args = parse_args()
    try:
        study = Study(args.config)
    except ValueError as error:
        sys.exit(f'error: {error}.')
    args.out.mkdir(parents=True, exist_ok=True)
    words = ['python tools/run_study.py', *map(shlex.quote, sys.argv[1:])]
    environment = args.out / 'environment.json'
    if not environment.exists():
        found = describe_surroundings(' '.join(words), 'wall')
        found.update(jobs=args.jobs, threads_per_run=1)
        environment.write_text(f'{json.dumps(found, indent=2)}\n')
    console = Console()
    try:
        complete = train_missing(args, study, console)
    except KeyboardInterrupt:
        sys.exit('interrupted: the same command goes on.')
    if not complete:
        console.print('the time is over: the same command goes on.')


if __name__ == '__main__':
    main()
