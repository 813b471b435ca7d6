"""Measure what SafeCheckpointHook and PreemptionHook cost.

An iteration (CPU time) and a save (wall time), against mmengine's default
hooks, in one process and in turns. Writes environment.json, rows.csv and
summary.md::

    OMP_NUM_THREADS=1 python -m research.speed.safety --out DIR
"""

import argparse
import contextlib
import logging
import os
import statistics
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.registry import HOOKS
from mmengine.runner import Runner
from rich.console import Console
from scipy.stats import bootstrap

from research.common.environment import (
    describe_environment,
    write_environment,
)
from research.common.rows import write_rows
from research.common.tables import markdown_table
from sema_mm.checkpointing import whole_files as files
from sema_mm.config.config_file import load_config

from .command import command_line

ROOT = Path(__file__).resolve().parents[2]
#: The smallest iterations here: whatever a hook costs shows most.
ITERATION = ROOT / 'configs/digits/resnet18-w16_1xb32-coslr-15e_digits.py'
SAVE = 'mmpretrain::resnet/resnet50_8xb32_in1k.py'
TEXT = """# What surviving a stop costs

One process; an iteration in CPU time, a save (ResNet-50 with SGD, 205 MB) in
wall time. Medians of turns; the ratio is the median of the ratios of one turn,
with its 95 % interval (bootstrap). "Flushed" is followed by the fsync that
mmengine leaves out.

{table}
`{command}`
"""
Hooks = dict[str, dict[str, Any]]
SAFE: Hooks = dict(
    checkpoint=dict(type='sema_mm.SafeCheckpointHook', interval=1),
    preemption=dict(type='sema_mm.PreemptionHook'),
)
PLAIN: Hooks = dict(checkpoint=dict(type='CheckpointHook', interval=1))


@dataclass(frozen=True)
class Row:
    """One iteration or one save.

    Attributes:
        what (str): 'iteration' or 'save'.
        hooks (str): Whose it is.
        number (int): Its turn.
        seconds (float): How long it took.
    """

    what: str
    hooks: str
    number: int
    seconds: float


class Enough(Exception):
    """End a run in the middle."""


class Turn(Hook):
    """Let two runs do their iterations in turns, and times each.

    Args:
        mine (Semaphore): Open when it is this run's turn.
        other (Semaphore): Opened when this run has done its iteration.
        count (int): Iterations to time.
    """

    priority = 'LOWEST'

    def __init__(
        self, mine: threading.Semaphore, other: threading.Semaphore, count: int
    ) -> None:
        self.mine, self.other, self.count = mine, other, count
        self.times: list[float] = []
        self.start = 0.0

    def before_train(self, runner: Runner) -> None:
        """Wait for the first turn."""
        self.mine.acquire()
        self.start = time.thread_time()

    def after_train_iter(
        self, runner: Runner, *args: Any, **kwargs: Any
    ) -> None:
        """Note the time; stop at the end; wait for the next turn.

        Raises:
            Enough: When all iterations were timed.
        """
        self.times.append(time.thread_time() - self.start)
        self.other.release()
        if len(self.times) == self.count:
            raise Enough
        self.mine.acquire()
        self.start = time.thread_time()


def main() -> None:
    """Measure and report."""
    args = parse_args()
    logging.getLogger('mmengine').setLevel(logging.ERROR)
    environment = describe_environment(
        command_line('research.speed.safety'),
        'cpu for iterations, wall for saves',
    )
    rows = []
    with tempfile.TemporaryDirectory(dir=args.disk) as folder:
        rows += measure_iterations(Path(folder), args.iterations)
        rows += measure_saves(Path(folder), args.saves)
    args.out.mkdir(parents=True, exist_ok=True)
    write_rows(args.out / 'rows.csv', rows)
    write_environment(args.out, environment)
    summary = summarise(rows, environment['command'])
    (args.out / 'summary.md').write_text(summary)
    Console(highlight=False).print(summary)


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--out', type=Path, required=True)
    parser.add_argument('--iterations', type=int, default=400)
    parser.add_argument('--saves', type=int, default=20)
    parser.add_argument(
        '--disk', type=Path, help='where to save (default: the temporary)'
    )
    args = parser.parse_args()
    if args.iterations < 4 or args.saves < 2:
        parser.error('--iterations must be at least 4, --saves at least 2')
    return args


def measure_iterations(folder: Path, count: int) -> list[Row]:
    """Time ``count`` iterations of two runs, in turns."""
    both = [('plain', PLAIN), ('safe', SAFE)]
    # Once each in the main thread, which is not quite like the other.
    rows = take_turns(folder / 'there', both, count // 2)
    return rows + take_turns(folder / 'back', both[::-1], count // 2)


def take_turns(
    folder: Path, contestants: list[tuple[str, Hooks]], count: int
) -> list[Row]:
    """Time the iterations of two runs in turns.

    Args:
        folder (Path): Where they save.
        contestants (list[tuple[str, Hooks]]): Name and default hooks of the
            one in a thread, and of the one in the main thread.
        count (int): Iterations of each.

    Returns:
        list[Row]: What, whose, number, seconds.
    """
    gates = threading.Semaphore(1), threading.Semaphore(0)
    turns = Turn(gates[0], gates[1], count), Turn(gates[1], gates[0], count)
    runners = []
    for (name, hooks), turn in zip(contestants, turns):
        cfg = load_config(str(ITERATION))
        cfg.default_hooks = dict(hooks)
        cfg.train_cfg.update(max_epochs=10**6, val_interval=10**6)
        for part in ('val_cfg', 'val_dataloader', 'val_evaluator'):
            cfg[part] = None
        runner = build(cfg, folder / f'{folder.name}_{name}')
        runner.register_hook(turn, 'LOWEST')
        runners.append(runner)
    other = threading.Thread(target=run, args=(runners[0],), daemon=True)
    other.start()
    run(runners[1])
    # The first have warm-ups in them.
    return [
        Row('iteration', name, number, seconds)
        for (name, _), turn in zip(contestants, turns)
        for number, seconds in enumerate(turn.times)
        if number >= count // 10
    ]


def run(runner: Runner) -> None:
    """Train until all iterations were timed."""
    with contextlib.suppress(Enough):
        runner.train()


def measure_saves(folder: Path, count: int) -> list[Row]:
    """Time ``count`` saves of ResNet-50 with SGD, hooks in turns."""
    cfg = load_config(str(ITERATION))
    cfg.model = load_config(SAVE).model
    cfg.default_hooks = PLAIN
    runner = build(cfg, folder / 'save')
    step_once(runner)
    rows = []
    savers = {name: Saver(name, runner, folder) for name in Saver.NAMES}
    for number in range(count + 1):
        runner.train_loop._epoch = number
        for name, saver in savers.items():
            seconds = saver.save()
            if number:  # The first has nothing to remove.
                rows.append(Row('save', name, number, seconds))
    return rows


class Saver:
    """A checkpoint hook that saves a run at the end of an epoch.

    Args:
        name (str): One of NAMES.
        runner (Runner): The run.
        folder (Path): Where to save.
    """

    NAMES = ('plain', 'plain, flushed', 'safe')

    def __init__(self, name: str, runner: Runner, folder: Path) -> None:
        self.runner, self.flushed = runner, name.endswith('flushed')
        self.folder = folder / name.replace(', ', '_')
        kind = SAFE if name == 'safe' else PLAIN
        arguments = dict(kind['checkpoint'], out_dir=str(self.folder))
        self.hook = HOOKS.build(dict(arguments, max_keep_ckpts=1))
        self.hook.before_train(runner)

    def save(self) -> float:
        """Save once; return the seconds."""
        os.sync()  # What others left to write is not this one's.
        start = time.perf_counter()
        self.hook.after_train_epoch(self.runner)
        if self.flushed:
            files.flush(Path(self.hook.last_ckpt))
        return time.perf_counter() - start


def build(cfg: Config, folder: Path) -> Runner:
    """Build a run in a folder; its config is changed in place."""
    cfg.work_dir = str(folder)
    cfg.experiment_name = folder.name
    cfg.log_level = 'ERROR'
    cfg.default_hooks = dict(
        cfg.default_hooks, logger=dict(type='LoggerHook', interval=10**6)
    )
    return Runner.from_cfg(cfg)


def step_once(runner: Runner) -> None:
    """Give the optimizer a state, as in the middle of a training."""
    runner.param_schedulers = []
    runner._train_loop = runner.build_train_loop(runner._train_loop)
    runner.optim_wrapper = runner.build_optim_wrapper(runner.optim_wrapper)
    for parameter in runner.model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    runner.optim_wrapper.optimizer.step()


def summarise(rows: list[Row], command: str) -> str:
    """Return a table of medians and their ratios as Markdown."""
    lines = []
    for what, bar in (('iteration', 1.01), ('save', 1.1)):
        times: dict[str, list[float]] = {}
        for row in rows:
            if row.what == what:
                times.setdefault(row.hooks, []).append(row.seconds)
        safe = times.pop('safe')
        for name, theirs in times.items():
            ratios = [a / b for a, b in zip(safe, theirs)]
            drawn = bootstrap((ratios,), np.median, random_state=0)
            found = drawn.confidence_interval
            lines.append(
                [
                    what,
                    name,
                    f'{1e3 * statistics.median(theirs):.2f}',
                    f'{statistics.median(ratios):.4f} (bar {bar})',
                    f'{found.low:.4f} to {found.high:.4f}',
                ]
            )
        median = f'{1e3 * statistics.median(safe):.2f}'
        lines.append([what, 'safe', median, '', ''])
    head = ['', 'hooks', 'ms', 'safe / these', '95 %']
    return TEXT.format(table=markdown_table(head, lines), command=command)


if __name__ == '__main__':
    main()
