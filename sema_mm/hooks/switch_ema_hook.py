"""Switch EMA in an mmengine runner."""

import contextlib
import dataclasses
from typing import Any, Optional

from mmengine.hooks import Hook
from mmengine.registry import HOOKS
from mmengine.runner import Runner
from torch import Tensor

from .. import mmengine_patches
from ..averaging.arguments import check_count, check_flag
from ..averaging.averaging_options import AveragingOptions, check_names
from ..averaging.checkpoint_format import average_state_dict, pack
from ..averaging.experimental import experimental_parts
from ..averaging.switch_ema import SwitchEMA
from ..averaging.switch_plan import SwitchPlan
from .evaluation import add_origin_metrics, recalibrate, synchronise
from .hook_conflicts import (
    check_other_average,
    check_sharded_saving,
    check_strategy,
    checkpoint_due,
    log_due,
    warnings_of,
)
from .loaded_checkpoint import LoadedCheckpoint
from .step_watcher import AverageUpdater
from .switch_hook import DATA_BATCH, SwitchHook

__all__ = ['SwitchEMAHook']


@HOOKS.register_module()
class SwitchEMAHook(SwitchHook):
    """Average the model's weights, and switch the average into the model.

    The average (:class:`SwitchEMA`) is updated after every optimizer step.
    Every ``switch_interval`` epochs or iterations it is written into the
    model (arXiv 2402.09240), before validation and checkpoint; optimizer,
    learning rate and average stay as they are. Validation, test and the
    ``state_dict`` of checkpoints use the average.

    In a run of several processes the running statistics of BatchNorm, the
    model's own as well, are averaged over the ranks before a switch, an
    evaluation and a checkpoint. Gradients of an accumulation that a switch
    falls into are kept: they enter the next optimizer step.

    Args:
        momentum (float): Weight of the NEW value, above 0 and at most 0.5;
            a decay of 0.999 is 0.001. Its window, ``1 / momentum`` optimizer
            steps, should be at most a third of the steps between two
            switches. Defaults to 0.001.
        by_epoch (bool): Whether ``switch_interval``, ``switch_begin`` and
            ``switch_end`` count epochs, or else iterations. Both are
            counted when completed, from 1. Defaults to True.
        switch_interval (int, optional): Epochs or iterations between two
            switches. None: no switch, which is plain EMA. Defaults to 1.
        switch_begin (int): Epochs or iterations at the beginning without a
            switch. Defaults to 0.
        switch_end (int, optional): Last epoch or iteration that may end
            with a switch; averaging and evaluation on the average go on.
            Defaults to None.
        begin_epoch (int): First epoch to average, from 1. Defaults to 0.
        begin_iter (int): First iteration to average, from 1. Defaults to 0.
        evaluate_on_ema (bool): Validate and test the average. Defaults to
            True.
        evaluate_on_origin (bool): Validate and test the weights that the
            optimizer left (before the switch, if there was one). Together
            with ``evaluate_on_ema``, their metrics are added under
            ``<metric>_origin``, for ``save_best`` and early stopping too;
            that takes a second pass over the data and, across a switch, the
            memory of one model. Defaults to False.
        recalibrate_bn (int): Training batches from which the BatchNorm
            statistics of the average are estimated before each switch,
            evaluation and checkpoint. 0: use the model's own statistics.
            Defaults to 0.
        max_nonfinite (int): Optimizer steps in a row that may leave
            non-finite weights, which the average skips, before training
            stops with an error. Defaults to 20.
        strict_load (bool): Whether a checkpoint whose tensors do not fit is
            an error, instead of a warning. Defaults to False.
        **options: The other arguments of :class:`AveragingOptions`.

    Attributes:
        options (AveragingOptions): The arguments of the average.
        average (SwitchEMA): The average; None before training.
        switches (int): Number of switches so far.

    Raises:
        TypeError: If an argument is unknown or has the wrong type.
        ValueError: If an argument is out of its range.

    Examples:
        >>> custom_hooks = [dict(type='sema_mm.SwitchEMAHook', momentum=0.01)]
    """

    def __init__(
        self,
        momentum: float = AveragingOptions.momentum,
        by_epoch: bool = True,
        switch_interval: Optional[int] = 1,
        switch_begin: int = 0,
        switch_end: Optional[int] = None,
        begin_epoch: int = 0,
        begin_iter: int = 0,
        evaluate_on_ema: bool = True,
        evaluate_on_origin: bool = False,
        recalibrate_bn: int = 0,
        max_nonfinite: int = 20,
        strict_load: bool = False,
        **options: Any,
    ) -> None:
        super().__init__(by_epoch, switch_interval, switch_begin, switch_end)
        check_names(type(self), options)
        self.options = AveragingOptions(momentum, **options)
        check_count('begin_epoch', begin_epoch, 0)
        check_count('begin_iter', begin_iter, 0)
        check_count('recalibrate_bn', recalibrate_bn, 0)
        check_count('max_nonfinite', max_nonfinite, 1)
        check_flag('evaluate_on_ema', evaluate_on_ema)
        check_flag('evaluate_on_origin', evaluate_on_origin)
        check_flag('strict_load', strict_load)
        if not (evaluate_on_ema or evaluate_on_origin):
            raise ValueError(
                'evaluate_on_ema and evaluate_on_origin are both False: '
                'nothing would be evaluated; set one of them to True'
            )
        if recalibrate_bn and self.options.update_buffers:
            raise ValueError(
                f'recalibrate_bn={recalibrate_bn} and update_buffers=True '
                'both make the BatchNorm statistics of the average: use one'
            )
        if begin_epoch and begin_iter:
            raise ValueError(
                f'begin_epoch={begin_epoch} and begin_iter={begin_iter} '
                'both say when averaging begins: give one of them'
            )
        self.begin_epoch = begin_epoch
        self.begin_iter = begin_iter
        self.evaluate_on_ema = evaluate_on_ema
        self.evaluate_on_origin = evaluate_on_origin
        self.recalibrate_bn = recalibrate_bn
        self.max_nonfinite = max_nonfinite
        self.strict_load = strict_load
        self.average: Any = None
        self.switches = 0
        self._loaded: Optional[LoadedCheckpoint] = None
        self._updater: Any = None
        self._gathered: Optional[dict[str, Tensor]] = None
        self._recalibrated_at = 0

    def check_conflicts(self, runner: Runner) -> None:
        """Refuse hooks and strategies with which a run would go wrong."""
        super().check_conflicts(runner)
        check_strategy(runner)

    def has_diverged(self) -> bool:
        """Return whether the last step left weights that are not finite."""
        return self._updater is not None and self._updater.has_diverged

    def resume_caveats(self, batches: int, ranks: int) -> list[str]:
        """Return what a resume cannot restore (:class:`CheckpointAware`)."""
        if batches and ranks > 1 and self.options.update_buffers:
            return [
                'each rank averaged BatchNorm statistics of its own '
                '(update_buffers=True), and the checkpoint holds those of '
                'the first'
            ]
        return []

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Take the average out of a checkpoint before the model reads it."""
        self._loaded = LoadedCheckpoint(checkpoint, bool(runner._resume))

    def before_train(self, runner: Runner) -> None:
        """Build the average from the model as training starts."""
        plan = self._plan(runner, self.begin_epoch, self.begin_iter)
        self.average = SwitchEMA(
            runner.model, **dataclasses.asdict(self.options)
        )
        nonfinite = self._restore(resumed=runner.iter > 0)
        if self.average.backend.sharded:
            check_sharded_saving(runner)
            mmengine_patches.call_before_saving(runner.strategy, self._gather)
        self._updater = AverageUpdater(
            self.average, runner.optim_wrapper, self.max_nonfinite, nonfinite
        )
        self._announce(runner, plan)

    def before_train_epoch(self, runner: Runner) -> None:
        """Notice parameters that were added or unfrozen."""
        self.average.refresh(runner.model)

    def after_train_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: DATA_BATCH = None,
        outputs: Optional[dict] = None,
    ) -> None:
        """Update the average after an optimizer step; switch if due."""
        begun = (
            runner.epoch + 1 >= self.begin_epoch
            and runner.iter + 1 >= self.begin_iter
        )
        self._updater.update(runner.model, begun)
        super().after_train_iter(runner, batch_idx, data_batch, outputs)
        if checkpoint_due(runner, by_epoch=False):
            self._synchronise(runner)
        if log_due(runner, batch_idx):
            self._record(runner, updates=self.average.steps)

    def after_train_epoch(self, runner: Runner) -> None:
        """Switch if due, before the checkpoint and the validation."""
        super().after_train_epoch(runner)
        if checkpoint_due(runner, by_epoch=True):
            self._synchronise(runner)

    def after_train(self, runner: Runner) -> None:
        """Finish the last update, and stop watching the optimizers."""
        self._updater.close()

    def after_val_epoch(
        self, runner: Runner, metrics: Optional[dict[str, float]] = None
    ) -> None:
        """Put the model's own weights back; validate the origin as well."""
        super().after_val_epoch(runner, metrics)
        self._evaluate_origin(runner, 'val', metrics)

    def after_test_epoch(
        self, runner: Runner, metrics: Optional[dict[str, float]] = None
    ) -> None:
        """Put the model's own weights back; test the origin as well."""
        super().after_test_epoch(runner, metrics)
        self._evaluate_origin(runner, 'test', metrics)

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Make ``state_dict`` the average; called on the first rank only."""
        if self.average is None:
            return
        self._updater.settle()
        checkpoint['state_dict'], checkpoint['ema_state_dict'] = pack(
            self.average, checkpoint['state_dict'], self._gathered
        )
        self._gathered = None
        checkpoint['switch_ema'] = dict(
            switches=self.switches, nonfinite=self._updater.nonfinite
        )
        if self.has_diverged():
            self._warn(
                "The model's weights are not finite: the checkpoint holds "
                'their average in their place.'
            )

    def _check_against(self, other: Hook) -> None:
        check_other_average(self, other)

    def _restore(self, resumed: bool) -> int:
        """Restore the average; return how many steps were skipped before."""
        loaded, self._loaded = self._loaded, None
        if loaded is None:
            return 0
        loaded.restore(self.average, resumed, self.strict_load)
        counts = loaded.counts if resumed else {}
        self.switches = counts.get('switches', self.switches)
        return counts.get('nonfinite', 0)

    def _switch(self, runner: Runner, completed: int) -> None:
        self._updater.settle()
        if self.average.steps == 0:
            self._log_skip(completed, 'no optimizer step was averaged yet')
            return
        distance = self.average.distance()
        self._synchronise(runner)
        self.average.switch_parameters(
            runner.model, keep_origin=self.evaluate_on_origin
        )
        self.switches += 1
        direction = f'model <- average of {self.average.steps} updates'
        self._log_switch(runner, completed, self.switches, direction, distance)

    def _gather(self) -> None:
        """Gather the average of a sharded model, for a checkpoint."""
        self._updater.settle()
        self._gathered = average_state_dict(self.average)

    def _synchronise(self, runner: Runner) -> None:
        """Make the average the same on all ranks, with its statistics."""
        self._updater.settle()
        synchronise(self.average)
        steps = self.average.steps
        if not self.recalibrate_bn or steps in (0, self._recalibrated_at):
            return
        recalibrate(runner, self.average, self.recalibrate_bn)
        self._recalibrated_at = steps

    def _evaluated(
        self, runner: Runner
    ) -> Optional[contextlib.AbstractContextManager]:
        if self.average is None or self.average.steps == 0:
            return None
        self._synchronise(runner)
        if self.evaluate_on_ema:
            return self.average.swapped(runner.model)
        return self.average.origin(runner.model)

    def _evaluate_origin(
        self, runner: Runner, mode: str, metrics: Optional[dict[str, float]]
    ) -> None:
        """Add the metrics of the origin to those of the average."""
        both = self.evaluate_on_ema and self.evaluate_on_origin
        if both and self.average is not None and metrics is not None:
            add_origin_metrics(runner, self.average, mode, metrics)

    def _tested(self) -> str:
        if self.average is not None and self.average.steps:
            if self.evaluate_on_ema:
                return f'the average of {self.average.steps} updates'
            return 'the weights that the optimizer left'
        if self._loaded is not None:
            return self._loaded.describe()
        return 'the weights of the model, as no checkpoint was loaded'

    def _announce(self, runner: Runner, plan: SwitchPlan) -> None:
        """Log what the run will do; warn of what has no effect or harms."""
        tensors = self.average.average_now().values()
        self._log_plan(
            runner,
            f'average of {len(tensors)} tensors '
            f'({sum(t.numel() for t in tensors):,} elements), '
            f'{self.average.momentum_at!r}',
            plan,
            plan.warning(self.options),
            *warnings_of(
                self.average,
                self.recalibrate_bn,
                switches=self.schedule.interval is not None,
            ),
        )
        parts = ', '.join(experimental_parts(self.average))
        if parts:
            self._log(f'Experimental, not run on a GPU yet: {parts}.')

    def _record(self, runner: Runner, **scalars: float) -> None:
        last = max(self.average.steps - 1, 0)
        momentum = self.average.momentum_at(last)
        super()._record(runner, momentum=momentum, **scalars)
