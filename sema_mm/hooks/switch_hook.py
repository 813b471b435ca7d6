"""What SwitchEMAHook and SwitchTargetHook share."""

import abc
import contextlib
import logging
from typing import Any, Optional, Union

from mmengine.hooks import CheckpointHook, Hook
from mmengine.logging import print_log
from mmengine.runner import IterBasedTrainLoop, Runner

from .. import mmengine_patches
from ..averaging.arguments import check_flag
from ..averaging.switch_plan import RunLength, SwitchPlan
from ..averaging.switch_schedule import SwitchSchedule
from .hook_conflicts import check_order

__all__ = ['DATA_BATCH', 'SwitchHook', 'length_of_run']

DATA_BATCH = Optional[Union[dict, tuple, list]]


class SwitchHook(Hook, abc.ABC):
    """Switch an average into the model on a schedule, and evaluate with it.

    A subclass finds the average and implements :meth:`_switch`,
    :meth:`_evaluated`, :meth:`_tested` and :meth:`_check_against`.

    Args:
        by_epoch (bool): Whether the three numbers below count epochs, or
            else iterations; counted when completed, from 1.
        switch_interval (int, optional): Units between two switches; None for
            no switch.
        switch_begin (int): Units at the beginning without a switch.
        switch_end (int, optional): Last unit that may end with a switch.
    """

    priority = 'NORMAL'

    def __init__(
        self,
        by_epoch: bool,
        switch_interval: Optional[int],
        switch_begin: int,
        switch_end: Optional[int],
    ) -> None:
        check_flag('by_epoch', by_epoch)
        self.by_epoch = by_epoch
        self.schedule = SwitchSchedule(
            switch_interval, switch_begin, switch_end
        )
        self._swap = contextlib.ExitStack()

    def before_run(self, runner: Runner) -> None:
        """Check the other hooks, and guard the evaluation loops."""
        self.check_conflicts(runner)
        mmengine_patches.install()
        mmengine_patches.close_after_run(runner._val_loop, self._swap)
        mmengine_patches.close_after_run(runner._test_loop, self._swap)

    def check_conflicts(self, runner: Runner) -> None:
        """Refuse hooks with which a run would go wrong silently.

        Args:
            runner (Runner): The runner, of which only the hooks and the
                strategy are read.

        Raises:
            ValueError: If another hook writes averages into the model, or if
                checkpoints would be written before a switch.
        """
        for other in runner.hooks:
            if other is not self:
                self._check_against(other)
            if isinstance(other, CheckpointHook):
                check_order(runner, self, other)

    def after_train_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: DATA_BATCH = None,
        outputs: Optional[dict] = None,
    ) -> None:
        """Switch if due, where iterations are counted."""
        if not self.by_epoch and self.schedule.is_due(runner.iter + 1):
            self._switch(runner, runner.iter + 1)

    def after_train_epoch(self, runner: Runner) -> None:
        """Switch if due, before the checkpoint and the validation."""
        if self.by_epoch and self.schedule.is_due(runner.epoch + 1):
            self._switch(runner, runner.epoch + 1)

    def before_val_epoch(self, runner: Runner) -> None:
        """Put the weights to validate into the model."""
        self._enter_evaluation(runner)

    def after_val_epoch(
        self, runner: Runner, metrics: Optional[dict[str, float]] = None
    ) -> None:
        """Put the model's own weights back."""
        self._swap.close()

    def before_test_epoch(self, runner: Runner) -> None:
        """Put the weights to test into the model, and log which they are."""
        self._enter_evaluation(runner)
        print_log(f'Testing {self._tested()}.', logger='current')

    def after_test_epoch(
        self, runner: Runner, metrics: Optional[dict[str, float]] = None
    ) -> None:
        """Put the model's own weights back."""
        self._swap.close()

    @abc.abstractmethod
    def _check_against(self, other: Hook) -> None:
        """Refuse another hook that writes averages into the model."""

    @abc.abstractmethod
    def _evaluated(
        self, runner: Runner
    ) -> Optional[contextlib.AbstractContextManager]:
        """Return the context that evaluates the average; None for none."""

    @abc.abstractmethod
    def _tested(self) -> str:
        """Name the weights that a test evaluates."""

    @abc.abstractmethod
    def _switch(self, runner: Runner, completed: int) -> None:
        """Write the average into the model after a completed unit."""

    def _enter_evaluation(self, runner: Runner) -> None:
        context = self._evaluated(runner)
        if context is not None:
            self._swap.enter_context(context)

    def _plan(
        self, runner: Runner, begin_epoch: int = 0, begin_iter: int = 0
    ) -> SwitchPlan:
        return SwitchPlan.of_length(
            length_of_run(runner),
            self.schedule,
            self.by_epoch,
            begin_epoch,
            begin_iter,
        )

    def _log_plan(
        self,
        runner: Runner,
        what: str,
        plan: SwitchPlan,
        *warnings: Optional[str],
    ) -> None:
        done = runner.epoch if self.by_epoch else runner.iter
        self._log(f'{type(self).__name__}: {what}; {plan.describe(done)}.')
        for text in filter(None, warnings):
            self._warn(f'{type(self).__name__}: {text}.')

    def _log_switch(
        self,
        runner: Runner,
        completed: int,
        number: int,
        direction: str,
        distance: float,
    ) -> None:
        self._record(runner, switches=number, distance=distance)
        self._log(
            f'Switch {number} after {self._unit} {completed}: {direction}, '
            f'at a relative distance of {distance:.3g}.'
        )

    def _log_skip(self, completed: int, reason: str) -> None:
        self._warn(f'No switch after {self._unit} {completed}: {reason}.')

    @property
    def _unit(self) -> str:
        return 'epoch' if self.by_epoch else 'iteration'

    def _record(self, runner: Runner, **scalars: float) -> None:
        """Put scalars where every visualizer backend finds them."""
        for name, value in scalars.items():
            runner.message_hub.update_scalar(f'train/sema/{name}', value)

    def _log(self, text: str) -> None:
        print_log(text, logger='current')

    def _warn(self, text: str) -> None:
        print_log(text, logger='current', level=logging.WARNING)


def length_of_run(runner: Runner) -> RunLength:
    """Return the length of a training that is about to start."""
    accumulation = _accumulative_counts(runner.optim_wrapper)
    if isinstance(runner.train_loop, IterBasedTrainLoop):
        return RunLength.of_iters(runner.max_iters, accumulation)
    per_epoch = len(runner.train_dataloader)
    return RunLength.of_epochs(runner.max_epochs, per_epoch, accumulation)


def _accumulative_counts(optim_wrapper: Any) -> int:
    """Return iterations per step, the least of several optimizers."""
    if hasattr(optim_wrapper, 'optimizer'):
        return getattr(optim_wrapper, '_accumulative_counts', 1)
    return min(_accumulative_counts(w) for w in optim_wrapper.values())
