"""Train a study, setting by setting and seed by seed, and measure it.

Writes ``rows.csv`` (every network, seed, epoch and metric) and
``environment.json`` into a folder; ``research.report`` makes tables and
figures of them. What has its rows there is not done again, so that the same
command goes on after an interruption::

    OMP_NUM_THREADS=1 python -m research.study \
        research/study/fashion_mnist.py --out FOLDER --jobs 2
"""

import argparse
import concurrent.futures
import dataclasses
import importlib.util
import itertools
import multiprocessing
import signal
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any, NamedTuple

from rich.console import Console
from rich.progress import Progress

from research.common.environment import (
    command_line,
    describe_environment,
    read_environment,
    write_environment,
)
from research.common.rows import append_rows, read_rows, rows_file

from .plan import Network, Run, Study, finished
from .rows import Row
from .work import clock, compare, examine, prepare, train


class Task(NamedTuple):
    """Something that a process does.

    Attributes:
        name (str): What is reported of it.
        function (callable): A function of :mod:`research.study.work`.
        what (Any): Its second argument.
    """

    name: str
    function: Callable
    what: Any


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument(
        'config',
        type=Path,
        help='a file such as research/study/fashion_mnist.py',
    )
    parser.add_argument('--out', type=Path, required=True, metavar='FOLDER')
    parser.add_argument('--jobs', type=int, default=1, help='runs at a time')
    parser.add_argument(
        '--settings', nargs='+', metavar='NAME', help='leave out the others'
    )
    parser.add_argument(
        '--hours',
        type=float,
        default=float('inf'),
        help='begin nothing more after this time',
    )
    parser.add_argument(
        '--work-dir',
        type=Path,
        default='work_dirs/study',
        help='where the networks are kept until they are measured',
    )
    parser.add_argument(
        '--clock',
        action='store_true',
        help='only time the iterations, which needs an idle machine',
    )
    args = parser.parse_args()
    if args.clock and args.jobs > 1:
        parser.error('--clock needs --jobs 1, as runs slow each other down')
    if not args.config.is_file():
        parser.error(f'there is no config {args.config}')
    if args.jobs < 1:
        parser.error(f'--jobs must be at least 1, not {args.jobs}')
    return args


def need_timm(study: Study) -> None:
    """Check for what Lookahead comes from.

    Raises:
        ValueError: If it is needed, and not installed.
    """
    wanted = study.config.get('lookahead')
    if wanted and importlib.util.find_spec('timm') is None:
        raise ValueError(
            'lookahead needs timm: install what requirements/benchmark.txt '
            'names, or take it out of the config'
        )


def stages(
    study: Study, rows: list[Row], folder: Path
) -> Iterator[list[Task]]:
    """List what is left to do.

    Args:
        study (Study): The study.
        rows (list[Row]): The rows so far, which grow meanwhile.
        folder (Path): Folder of all networks.

    Yields:
        list[Task]: Tasks that do not wait for each other.
    """
    epochs = study.config.epochs
    for runs in study.stages(rows):
        done = finished(rows, epochs)
        missing = (run for run in runs if run.key not in done)
        yield [Task(run.name, train, run) for run in missing]
        yield list(measures(study, rows, folder))


def measures(study: Study, rows: list[Row], folder: Path) -> Iterator[Task]:
    """List what is left to measure of what has been trained.

    What was trained elsewhere, and has left no network here, is left out.

    Args:
        study (Study): The study.
        rows (list[Row]): The rows so far.
        folder (Path): Folder of all networks.

    Yields:
        Task: One for each network, and one for each method.
    """
    epochs = study.config.epochs
    found = study.reported(rows)
    networks = [n for n in found if (folder / n.file).is_file()]
    done = finished(rows, epochs, 'test/ece')
    for network in networks:
        if network.key not in done:
            yield Task(f'measures {network.file}', examine, network)
    done = finished(rows, epochs, 'test/agreement')
    for (name, method), seeds in itertools.groupby(
        sorted(networks, key=_method), _method
    ):
        same = list(seeds)
        complete = len(same) == study.settings[name].seeds > 1
        if complete and not done.issuperset(n.key for n in same):
            yield Task(f'seeds of {name}, {method}', compare, same)


def clocks(study: Study, rows: list[Row]) -> Iterator[Task]:
    """List the trainings to time: the baseline and SEMA.

    Yields:
        Task: One for each seed of a setting.
    """
    done = finished(rows, study.config.epochs, 'time/iteration')
    runs = {n.run: None for n in study.reported(rows)}
    timed = [run for run in runs if run.method in ('baseline', 'sema')]
    for (name, seed), pair in itertools.groupby(
        sorted(timed, key=_pair), _pair
    ):
        # What follows the baseline would be timed with it.
        both = [dataclasses.replace(run, follow=()) for run in pair]
        if len(both) == 2 and not done.issuperset(run.key for run in both):
            yield Task(f'times of {name}, seed {seed}', clock, both)


def _pair(run: Run) -> tuple[str, int]:
    return run.setting, run.seed


def _method(network: Network) -> tuple[str, str]:
    return network.run.setting, network.method


class Workers:
    """Processes that do tasks, and what they find.

    Args:
        args (argparse.Namespace): The command line.
        rows (list[Row]): The rows so far; what is found is added.
        console (Console): Where each task is reported.
    """

    def __init__(
        self, args: argparse.Namespace, rows: list[Row], console: Console
    ) -> None:
        self.args, self.rows, self.console = args, rows, console
        self.end = time.monotonic() + 3600 * args.hours
        spawn = multiprocessing.get_context('spawn')
        self.pool = concurrent.futures.ProcessPoolExecutor(
            args.jobs, spawn, prepare
        )

    @property
    def is_over(self) -> bool:
        """bool: Whether nothing more may begin."""
        return time.monotonic() > self.end

    def do(self, tasks: list[Task]) -> None:
        """Do tasks."""
        if not tasks:
            return
        waiting = iter(tasks)
        active: dict[concurrent.futures.Future, Task] = {}
        with Progress(
            console=self.console,
            transient=True,
            disable=not self.console.is_terminal,
        ) as progress:
            bar = progress.add_task('', total=len(tasks))
            while True:
                room = 0 if self.is_over else self.args.jobs - len(active)
                for task in itertools.islice(waiting, room):
                    active[self._submit(task)] = task
                if not active:
                    return
                names = ', '.join(task.name for task in active.values())
                progress.update(bar, description=names)
                ended, _ = concurrent.futures.wait(
                    active, return_when=concurrent.futures.FIRST_COMPLETED
                )
                for future in ended:
                    self._keep(active.pop(future).name, *future.result())
                    progress.advance(bar)

    def stop(self) -> None:
        """End the processes, whatever they do."""
        for child in multiprocessing.active_children():
            child.terminate()
        self.pool.shutdown(cancel_futures=True)

    def _submit(self, task: Task) -> concurrent.futures.Future:
        config, folder = self.args.config, self.args.work_dir
        return self.pool.submit(task.function, config, task.what, folder)

    def _keep(self, name: str, found: list[Row], seconds: float) -> None:
        append_rows(rows_file(self.args.out), found)
        self.rows += found
        self.console.print(f'{name}: {seconds:.0f} s', highlight=False)


def main() -> None:
    """Train and measure."""
    args = parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    console = Console()
    try:
        study = Study(args.config)
        study.keep(args.settings or study.settings)
        need_timm(study)
        rows = read_rows(rows_file(args.out), Row)
    except ValueError as error:
        sys.exit(f'error: {error}.')
    describe(args, 0.0)
    begin = time.monotonic()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    workers = Workers(args, rows, console)
    try:
        work = [list(clocks(study, rows))] if args.clock else None
        for tasks in work or stages(study, rows, args.work_dir):
            workers.do(tasks)
            if workers.is_over:
                break
    except KeyboardInterrupt:
        workers.stop()
        sys.exit('interrupted: the same command goes on.')
    except BrokenProcessPool:
        workers.stop()
        sys.exit('error: a process was killed; the same command goes on.')
    finally:
        describe(args, (time.monotonic() - begin) / 3600)
    workers.pool.shutdown()
    if workers.is_over:
        console.print('the time is over: the same command goes on.')


def describe(args: argparse.Namespace, hours: float) -> None:
    """Write where the study runs, of which commits, and how long so far.

    Args:
        args (argparse.Namespace): The command line.
        hours (float): What this command adds.
    """
    now = describe_environment(command_line('research.study'), 'cpu')
    now.update(jobs=args.jobs, threads_per_run=1, hours=0.0, commits=[])
    found = read_environment(args.out) or now
    found['hours'] = round(found.get('hours', 0.0) + hours, 3)
    commits = found.setdefault('commits', [])
    if now['commit'] not in commits:
        commits.append(now['commit'])
    write_environment(args.out, found)


if __name__ == '__main__':
    main()
