"""What a run is going to do, checked and said before it starts."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Optional

from mmengine.runner import IterBasedTrainLoop

from ..averaging.switch_schedule import SwitchSchedule

__all__ = ['SwitchPlan']


@dataclass
class SwitchPlan:
    """The switches of one run.

    Args:
        units (List[int]): Epochs or iterations, 1-based, after which the
            run switches.
        by_epoch (bool): Whether the units are epochs.
        steps (float): Optimizer steps between two switches.
    """

    units: list[int]
    by_epoch: bool
    steps: float

    @classmethod
    def of_run(
        cls,
        runner: Any,
        schedule: SwitchSchedule,
        by_epoch: bool,
        begin_epoch: int,
        begin_iter: int,
    ) -> 'SwitchPlan':
        """Apply a schedule to a runner.

        Args:
            runner (Runner): A runner whose training is about to start.
            schedule (SwitchSchedule): When to switch.
            by_epoch (bool): Whether the schedule counts epochs.
            begin_epoch (int): Epoch, 1-based, from which on weights are
                averaged.
            begin_iter (int): Iteration, likewise.

        Returns:
            SwitchPlan: The switches, those before the first update left out.

        Raises:
            ValueError: If epochs are counted where the runner has none, if
                averaging begins after the run, or if a switch was asked
                for and none will happen.
        """
        _check_loop(runner, schedule, by_epoch, begin_epoch)
        _check_begin(runner, begin_epoch, begin_iter)
        total = runner.max_epochs if by_epoch else runner.max_iters
        first = _first_unit(runner, by_epoch, begin_epoch, begin_iter)
        units = [n for n in schedule.due(total) if n >= first]
        if schedule.interval is not None and not units:
            raise ValueError(_never(schedule, by_epoch, total, first))
        per_unit = len(runner.train_dataloader) if by_epoch else 1
        accumulated = _accumulative_counts(runner.optim_wrapper)
        steps = (schedule.interval or 0) * per_unit / accumulated
        return cls(units, by_epoch, steps)

    def describe(self, done: int) -> str:
        """Say when the run switches.

        Args:
            done (int): Units completed before a resume.

        Returns:
            str: Part of a sentence.
        """
        if not self.units:
            return 'no switch (plain EMA)'
        unit = 'epoch' if self.by_epoch else 'iteration'
        left = [n for n in self.units if n > done]
        resumed = f', {len(left)} still to come' if done else ''
        return (
            f'switch after {unit} {_shortened(self.units)}: '
            f'{len(self.units)} in all{resumed}, {self.steps:g} optimizer '
            'steps apart'
        )

    def warning(self, momentum: float, interval: int) -> Optional[str]:
        """Tell what is wrong with a window that outlasts the switches.

        Args:
            momentum (float): The momentum after its warm-up.
            interval (int): Optimizer steps between two updates.

        Returns:
            str, optional: A sentence; None when the window fits.
        """
        window = interval / momentum
        if not self.units or window <= self.steps:
            return None
        fits = fitting_momentum(self.steps / interval)
        return (
            f'the window of the average, {window:g} optimizer steps '
            f'(momentum={momentum:g}), is longer than the {self.steps:g} '
            'steps between two switches: every switch will throw the model '
            f'back to older weights. momentum={fits:g} would fit, or '
            'switch_interval=None for plain EMA'
        )


def fitting_momentum(updates: float) -> float:
    """Find the momentum whose window is a third of a number of updates.

    Args:
        updates (float): Updates between two switches.

    Returns:
        float: The smallest of 1, 2, 5 times a power of ten that keeps the
        window at a third of ``updates`` or less; at most 0.5.
    """
    least = min(3 / updates, 0.5)
    power = 10.0 ** math.floor(math.log10(least))
    for digit in (1, 2, 5, 10):
        if digit * power >= least * (1 - 1e-9):
            return min(float(f'{digit * power:.1g}'), 0.5)
    return 0.5


def _check_loop(
    runner: Any, schedule: SwitchSchedule, by_epoch: bool, begin_epoch: int
) -> None:
    if not isinstance(runner.train_loop, IterBasedTrainLoop):
        return
    if by_epoch and schedule.interval is not None:
        raise ValueError(
            'by_epoch=True needs EpochBasedTrainLoop, and this run has an '
            'IterBasedTrainLoop, whose epochs do not end: write '
            'by_epoch=False and switch_interval in iterations'
        )
    if begin_epoch:
        raise ValueError(
            f'begin_epoch={begin_epoch} needs EpochBasedTrainLoop, and this '
            'run has an IterBasedTrainLoop: write begin_iter'
        )


def _check_begin(runner: Any, begin_epoch: int, begin_iter: int) -> None:
    for name, begin, total in (
        ('begin_epoch', begin_epoch, runner.max_epochs),
        ('begin_iter', begin_iter, runner.max_iters),
    ):
        if begin > total:
            raise ValueError(
                f'{name}={begin} is after the end of the run '
                f'({name.replace("begin_", "")} {total}): nothing would be '
                'averaged'
            )


def _first_unit(
    runner: Any, by_epoch: bool, begin_epoch: int, begin_iter: int
) -> int:
    """Find the first unit at whose end there is an average."""
    # The first optimizer step comes with the iteration that completes an
    # accumulation, or with the last of the run.
    begin = max(begin_iter, 1)
    if begin_epoch:
        begin = (begin_epoch - 1) * len(runner.train_dataloader) + 1
    counts = _accumulative_counts(runner.optim_wrapper)
    step = min(math.ceil(begin / counts) * counts, runner.max_iters)
    return math.ceil(step / len(runner.train_dataloader)) if by_epoch else step


def _accumulative_counts(optim_wrapper: Any) -> int:
    """Iterations per optimizer step, the least of several optimizers."""
    if hasattr(optim_wrapper, 'optimizer'):
        return getattr(optim_wrapper, '_accumulative_counts', 1)
    return min(_accumulative_counts(w) for w in optim_wrapper.values())


def _never(
    schedule: SwitchSchedule, by_epoch: bool, total: int, first: int
) -> str:
    unit = 'epochs' if by_epoch else 'iterations'
    return (
        f'the model would never be switched: switch_interval='
        f'{schedule.interval}, switch_begin={schedule.begin} and '
        f'switch_end={schedule.end} count {unit}, the run has {total} and '
        f'its average begins in number {first}; choose values that fit, or '
        'switch_interval=None for plain EMA'
    )


def _shortened(units: Sequence[int]) -> str:
    if len(units) <= 8:
        return ', '.join(map(str, units))
    first = ', '.join(map(str, units[:3]))
    return f'{first}, ..., {units[-1]}'
