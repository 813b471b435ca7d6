"""The switches of a run, checked before it starts."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Optional

from .averaging_options import AveragingOptions
from .switch_schedule import SwitchSchedule

__all__ = ['RunLength', 'SwitchPlan', 'fits', 'fitting_momentum']


@dataclass(frozen=True)
class RunLength:
    """How long a run is, in plain numbers.

    Args:
        max_epochs (int, optional): Epochs of the run; None for one that is
            based on iterations, whose epochs do not end.
        max_iters (int): Iterations of the run.
        accumulation (int): Iterations per optimizer step.
    """

    max_epochs: Optional[int]
    max_iters: int
    accumulation: int

    @property
    def iters_per_epoch(self) -> int:
        """int: Iterations of one epoch, or of a run without epochs."""
        return self.max_iters // (self.max_epochs or 1)

    @classmethod
    def of_epochs(
        cls, epochs: int, iters_per_epoch: int, accumulation: int = 1
    ) -> 'RunLength':
        """Return the length of a run with an EpochBasedTrainLoop."""
        return cls(epochs, epochs * iters_per_epoch, accumulation)

    @classmethod
    def of_iters(cls, iters: int, accumulation: int = 1) -> 'RunLength':
        """Return the length of a run with an IterBasedTrainLoop."""
        return cls(None, iters, accumulation)


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
    def of_length(
        cls,
        length: RunLength,
        schedule: SwitchSchedule,
        by_epoch: bool,
        begin_epoch: int,
        begin_iter: int,
    ) -> 'SwitchPlan':
        """Apply a schedule to a run of a given length.

        Args:
            length (RunLength): The run.
            schedule (SwitchSchedule): When to switch.
            by_epoch (bool): Whether the schedule counts epochs.
            begin_epoch (int): Epoch, 1-based, from which on weights are
                averaged.
            begin_iter (int): Iteration, likewise.

        Returns:
            SwitchPlan: The switches, those before the first update left out.

        Raises:
            ValueError: If epochs are counted where the run has none, if
                averaging begins after the run, or if a switch was asked
                for and none will happen.
        """
        _check_loop(length, schedule, by_epoch, begin_epoch)
        _check_begin(length, begin_epoch, begin_iter)
        total = (length.max_epochs or 1) if by_epoch else length.max_iters
        first = _first_unit(length, by_epoch, begin_epoch, begin_iter)
        units = [n for n in schedule.due(total) if n >= first]
        if schedule.interval is not None and not units:
            raise ValueError(_never(schedule, by_epoch, total, first))
        per_unit = length.iters_per_epoch if by_epoch else 1
        steps = (schedule.interval or 0) * per_unit / length.accumulation
        return cls(units, by_epoch, steps)

    def describe(self, done: int) -> str:
        """Describe the switches, after a resume at ``done`` units."""
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

    def warning(self, options: AveragingOptions) -> Optional[str]:
        """Return a warning if the window is longer than the switches allow.

        Args:
            options (AveragingOptions): The arguments of the average.

        Returns:
            str, optional: The warning; None if the window fits.
        """
        window = options.window
        if not self.units or window <= self.steps:
            return None
        fitting = fitting_momentum(self.steps / options.steps_per_momentum)
        return (
            f'the window of the average, {window:g} optimizer steps '
            f'(momentum={options.momentum:g}), is longer than the '
            f'{self.steps:g} steps between two switches: every switch will '
            'throw the model back to older weights. '
            f'momentum={fitting:g} would fit, or '
            'switch_interval=None for plain EMA; the best windows measured '
            'are about a tenth of these steps or less '
            '(research/report/results)'
        )


def fits(momentum: float, updates: float) -> bool:
    """Return whether the window is at most a third of some updates."""
    return momentum * updates >= 3 * (1 - 1e-9)


def fitting_momentum(updates: float) -> float:
    """Return the momentum whose window is a third of some updates.

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
    length: RunLength,
    schedule: SwitchSchedule,
    by_epoch: bool,
    begin_epoch: int,
) -> None:
    if length.max_epochs is not None:
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


def _check_begin(length: RunLength, begin_epoch: int, begin_iter: int) -> None:
    for name, begin, total in (
        ('begin_epoch', begin_epoch, length.max_epochs or 1),
        ('begin_iter', begin_iter, length.max_iters),
    ):
        if begin > total:
            raise ValueError(
                f'{name}={begin} is after the end of the run '
                f'({name.replace("begin_", "")} {total}): nothing would be '
                'averaged'
            )


def _first_unit(
    length: RunLength, by_epoch: bool, begin_epoch: int, begin_iter: int
) -> int:
    """Return the first unit at whose end there is an average."""
    # The first optimizer step comes with the iteration that completes an
    # accumulation, or with the last of the run.
    begin = max(begin_iter, 1)
    if begin_epoch:
        begin = (begin_epoch - 1) * length.iters_per_epoch + 1
    counts = length.accumulation
    step = min(math.ceil(begin / counts) * counts, length.max_iters)
    return math.ceil(step / length.iters_per_epoch) if by_epoch else step


def _never(
    schedule: SwitchSchedule, by_epoch: bool, total: int, first: int
) -> str:
    unit = 'epochs' if by_epoch else 'iterations'
    return (
        f'the model would never be switched: switch_interval='
        f'{schedule.interval}, switch_begin={schedule.begin} and '
        f'switch_end={schedule.end} count {unit}, the run has {total} and '
        f'its average begins in number {first}; choose values that fit'
    )


def _shortened(units: Sequence[int]) -> str:
    if len(units) <= 8:
        return ', '.join(map(str, units))
    first = ', '.join(map(str, units[:3]))
    return f'{first}, ..., {units[-1]}'
