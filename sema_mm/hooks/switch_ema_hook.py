"""Switch EMA in an mmengine runner."""

import contextlib
import dataclasses
import logging
from typing import Any, Optional, Union

import torch
from mmengine.hooks import Hook, LoggerHook
from mmengine.logging import print_log
from mmengine.registry import HOOKS
from torch import Tensor

from .. import mmengine_patches
from ..averaging.arguments import check_count, check_flag
from ..averaging.averaging_options import AveragingOptions, check_names
from ..averaging.batch_norm import has_batch_norm
from ..averaging.checkpoint_format import average_state_dict, pack
from ..averaging.experimental import experimental_parts
from ..averaging.nonfinite_guard import NonfiniteGuard
from ..averaging.switch_ema import SwitchEMA
from ..averaging.switch_plan import SwitchPlan
from ..averaging.switch_schedule import SwitchSchedule
from ..sharding import Backend
from .evaluation import (
    add_metrics,
    evaluate,
    recalibrated_statistics,
    synchronise,
)
from .hook_conflicts import (
    check_conflicts,
    check_sharded_saving,
    check_strategy,
    checkpoint_due,
)
from .loaded_checkpoint import LoadedCheckpoint
from .run_length import length_of_run
from .step_watcher import StepCounter, StepWatcher
from .target_network import averages_in

__all__ = ['SwitchEMAHook']

DATA_BATCH = Optional[Union[dict, tuple, list]]


@HOOKS.register_module()
class SwitchEMAHook(Hook):
    """Average the model's weights, and switch the average into the model.

    Every iteration in which an optimizer really stepped ends with one
    update of the average (:class:`SwitchEMA`). After every
    ``switch_interval`` epochs or iterations the average is written into the
    model (arXiv 2402.09240), before the validation and the checkpoint of
    that moment; optimizer, learning rate and average stay as they are.
    Validation, test and the ``state_dict`` of checkpoints use the average.

    In a run of several processes the running means and variances of
    BatchNorm are averaged over the ranks before a switch, an evaluation and
    a checkpoint, the model's own as well.

    Gradients that are pending at a switch, when it falls into the middle of
    an accumulation, are kept: they enter the next optimizer step.

    Args:
        momentum (float): Weight of the NEW value, above 0 and at most 0.5;
            a decay of 0.999 is 0.001. Its window, ``1 / momentum`` optimizer
            steps, should be at most a third of the steps between two
            switches. Defaults to 0.001.
        by_epoch (bool): Whether ``switch_interval``, ``switch_begin`` and
            ``switch_end`` count epochs, or else iterations. Both are
            counted when completed, from 1. Defaults to True.
        switch_interval (int, optional): Switch every so many units. None:
            never, which is plain EMA. Defaults to 1.
        switch_begin (int): No switch in the first so many units. Defaults
            to 0.
        switch_end (int, optional): No switch after this unit; averaging
            and evaluation on the average go on. Defaults to None.
        begin_epoch (int): Average from this epoch on, counted from 1.
            Defaults to 0.
        begin_iter (int): Average from this iteration on, counted from 1.
            Defaults to 0.
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
        >>> custom_hooks = [
        ...     dict(type='sema_mm.SwitchEMAHook', momentum=0.01)
        ... ]
    """

    priority = 'NORMAL'

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
        check_names(type(self), options)
        self.options = AveragingOptions(momentum, **options)
        check_count('begin_epoch', begin_epoch, 0)
        check_count('begin_iter', begin_iter, 0)
        check_count('recalibrate_bn', recalibrate_bn, 0)
        check_count('max_nonfinite', max_nonfinite, 1)
        check_flag('by_epoch', by_epoch)
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
        self.by_epoch = by_epoch
        self.schedule = SwitchSchedule(
            switch_interval, switch_begin, switch_end
        )
        self.begin_epoch = begin_epoch
        self.begin_iter = begin_iter
        self.evaluate_on_ema = evaluate_on_ema
        self.evaluate_on_origin = evaluate_on_origin
        self.recalibrate_bn = recalibrate_bn
        self.strict_load = strict_load
        self.average: Any = None
        self.switches = 0
        self._guard = NonfiniteGuard(max_nonfinite)
        self._loaded: Optional[LoadedCheckpoint] = None
        self._watcher: Any = None
        self._swap = contextlib.ExitStack()
        self._whole: Optional[dict[str, Tensor]] = None
        self._recalibrated_at = 0
        self._warned = False
        self._resumed_nonfinite = 0

    @property
    def diverged(self) -> bool:
        """bool: Whether the last step left weights that are not finite."""
        return self._guard.in_a_row > 0

    def before_run(self, runner: Any) -> None:
        """Look at the other hooks, and guard the evaluation loops.

        Args:
            runner (Runner): The runner of the process.
        """
        check_conflicts(runner, self)
        check_strategy(runner)
        mmengine_patches.install()
        mmengine_patches.close_after_run(runner._val_loop, self._swap)
        mmengine_patches.close_after_run(runner._test_loop, self._swap)

    def after_load_checkpoint(self, runner: Any, checkpoint: dict) -> None:
        """Take the average out of a checkpoint.

        Args:
            runner (Runner): The runner, maybe before it is prepared.
            checkpoint (dict): The checkpoint, before the model reads it.
        """
        resume = bool(runner._resume)
        self._loaded = LoadedCheckpoint(checkpoint, resume)

    def before_train(self, runner: Any) -> None:
        """Build the average from the model as training starts.

        Args:
            runner (Runner): The runner of the training process.
        """
        plan = SwitchPlan.of_length(
            length_of_run(runner),
            self.schedule,
            self.by_epoch,
            self.begin_epoch,
            self.begin_iter,
        )
        self.average = SwitchEMA(
            runner.model, **dataclasses.asdict(self.options)
        )
        if self._loaded is not None:
            resumed = runner.iter > 0
            self._loaded.restore(self.average, resumed, self.strict_load)
            if resumed:
                self.switches = self._loaded.counts.get('switches', 0)
                self._guard.total = self._loaded.counts.get('nonfinite', 0)
                self._resumed_nonfinite = self._guard.total
            self._loaded = None
        backend = self.average.backend
        if backend.sharded:
            check_sharded_saving(runner)
            mmengine_patches.call_before_saving(runner.strategy, self._gather)
        self._watcher = self._watch_steps(runner, backend)
        self._announce(runner, plan)

    def before_train_epoch(self, runner: Any) -> None:
        """Notice parameters that were added or unfrozen.

        Args:
            runner (Runner): The runner of the training process.
        """
        self.average.refresh(runner.model)

    def after_train_iter(
        self,
        runner: Any,
        batch_idx: int,
        data_batch: DATA_BATCH = None,
        outputs: Optional[dict] = None,
    ) -> None:
        """Update the average after an optimizer step; switch if due.

        Args:
            runner (Runner): The runner of the training process.
            batch_idx (int): The index of the batch in the loop.
            data_batch (dict or tuple or list, optional): Not used.
            outputs (dict, optional): Not used.
        """
        stepped, no_step = self._watcher.take()
        if stepped and self._has_begun(runner):
            # The weight of an update depends on how many there were, so
            # those before it are counted: their verdicts are an iteration old.
            self._settle(wait=True)
            self.average.update_parameters(
                runner.model, lambda weights: self._judge(weights, no_step)
            )
            self._settle()
        if not self.by_epoch and self.schedule.is_due(runner.iter + 1):
            self._switch(runner, f'iteration {runner.iter + 1}')
        if checkpoint_due(runner, by_epoch=False):
            self._agree(runner)
        if self._is_logged(runner, batch_idx):
            self._record(runner, updates=self.average.steps)

    def after_train_epoch(self, runner: Any) -> None:
        """Switch if due, before the checkpoint and the validation.

        Args:
            runner (Runner): The runner of the training process.
        """
        if self.by_epoch and self.schedule.is_due(runner.epoch + 1):
            self._switch(runner, f'epoch {runner.epoch + 1}')
        if checkpoint_due(runner, by_epoch=True):
            self._agree(runner)

    def after_train(self, runner: Any) -> None:
        """Stop watching the optimizers.

        Args:
            runner (Runner): The runner of the training process.
        """
        self._settle(wait=True)
        self.average.before_step()
        self._watcher.close()

    def before_val_epoch(self, runner: Any) -> None:
        """Put the weights to validate into the model.

        Args:
            runner (Runner): The runner of the validation process.
        """
        self._enter_evaluation(runner)

    def after_val_epoch(
        self, runner: Any, metrics: Optional[dict[str, float]] = None
    ) -> None:
        """Put the model's own weights back; validate the origin as well.

        Args:
            runner (Runner): The runner of the validation process.
            metrics (Dict[str, float], optional): The metrics, to which
                those of the origin are added.
        """
        self._leave_evaluation(runner, 'val', metrics)

    def before_test_epoch(self, runner: Any) -> None:
        """Put the weights to test into the model, and say which they are.

        Args:
            runner (Runner): The runner of the testing process.
        """
        self._enter_evaluation(runner)
        print_log(f'Testing {self._tested()}.', logger='current')

    def after_test_epoch(
        self, runner: Any, metrics: Optional[dict[str, float]] = None
    ) -> None:
        """Put the model's own weights back; test the origin as well.

        Args:
            runner (Runner): The runner of the testing process.
            metrics (Dict[str, float], optional): The metrics, to which
                those of the origin are added.
        """
        self._leave_evaluation(runner, 'test', metrics)

    def before_save_checkpoint(self, runner: Any, checkpoint: dict) -> None:
        """Make ``state_dict`` the average; keep the rest for a resume.

        Runs on the first rank only, so it must not communicate.

        Args:
            runner (Runner): The runner of the training process.
            checkpoint (dict): The checkpoint about to be written.
        """
        if self.average is None:
            return
        self._settle(wait=True)
        checkpoint['state_dict'], checkpoint['ema_state_dict'] = pack(
            self.average, checkpoint['state_dict'], self._whole
        )
        self._whole = None
        checkpoint['switch_ema'] = dict(
            switches=self.switches, nonfinite=self._guard.total
        )
        if self.diverged:
            print_log(
                "The model's weights are not finite: the checkpoint holds "
                'their average in their place.',
                logger='current',
                level=logging.WARNING,
            )

    def _watch_steps(self, runner: Any, backend: Backend) -> Any:
        """Notice the optimizer's steps; let them wait for an update."""
        if backend.step_count() is None:
            return StepWatcher(runner.optim_wrapper, self.average.before_step)
        if self.options.side_stream:
            raise ValueError(
                'side_stream=True needs optimizers of torch, which tell '
                "before they step; DeepSpeed's do not: leave it out"
            )
        return StepCounter(backend.step_count)

    def _has_begun(self, runner: Any) -> bool:
        """Whether averaging begins by the running epoch and iteration."""
        return (
            runner.epoch + 1 >= self.begin_epoch
            and runner.iter + 1 >= self.begin_iter
        )

    def _judge(
        self, weights: list[Tensor], no_step: Optional[Tensor]
    ) -> Union[bool, Tensor]:
        """Ask the guard; ranks of a sharded model count every update."""
        skip = self._guard.judge(weights, no_step)
        return torch.as_tensor(skip) if self.average.backend.sharded else skip

    def _settle(self, wait: bool = False) -> None:
        """Take the guard's verdicts that have arrived into account."""
        skipped = self._guard.settle(wait)
        if not self.average.backend.sharded:
            self.average.steps -= skipped
        if self._guard.total > self._resumed_nonfinite and not self._warned:
            self._warned = True
            print_log(
                'The weights are not finite after an optimizer step: the '
                'average skips them. This is said once; training stops '
                f'after {self._guard.limit} such steps in a row.',
                logger='current',
                level=logging.WARNING,
            )

    def _switch(self, runner: Any, when: str) -> None:
        """Write the average into the model."""
        self._settle(wait=True)
        if self.average.steps == 0:
            print_log(
                f'No switch after {when}: no optimizer step was averaged yet.',
                logger='current',
                level=logging.WARNING,
            )
            return
        distance = self.average.distance()
        self._agree(runner)
        self.average.switch_parameters(
            runner.model, keep_origin=self.evaluate_on_origin
        )
        self.switches += 1
        self._record(runner, switches=self.switches, distance=distance)
        print_log(
            f'Switch {self.switches} after {when}: model <- average of '
            f'{self.average.steps} updates, at a relative distance of '
            f'{distance:.3g}.',
            logger='current',
        )

    def _gather(self) -> None:
        """Make the whole average of a sharded model, for a checkpoint."""
        self._settle(wait=True)
        self._whole = average_state_dict(self.average)

    def _agree(self, runner: Any) -> None:
        """Make the average one and the same on all ranks, and its own."""
        self._settle(wait=True)
        synchronise(self.average)
        self._recalibrate(runner)

    def _recalibrate(self, runner: Any) -> None:
        """Estimate the average's BatchNorm statistics, unless up to date."""
        steps = self.average.steps
        if not self.recalibrate_bn or steps in (0, self._recalibrated_at):
            return
        with self.average.swapped(runner.model):
            statistics = recalibrated_statistics(
                runner, self.average.backend, self.recalibrate_bn, seed=steps
            )
        self.average.set_statistics(statistics)
        self._recalibrated_at = steps

    def _enter_evaluation(self, runner: Any) -> None:
        if self.average is None or self.average.steps == 0:
            return
        self._agree(runner)
        if self.evaluate_on_ema:
            weights = self.average.swapped(runner.model)
        else:
            weights = self.average.origin(runner.model)
        self._swap.enter_context(weights)

    def _leave_evaluation(
        self, runner: Any, mode: str, metrics: Optional[dict[str, float]]
    ) -> None:
        self._swap.close()
        both = self.evaluate_on_ema and self.evaluate_on_origin
        if not both or self.average is None or metrics is None:
            return
        more = dict(metrics)
        if self.average.steps > 0:
            loop = runner.val_loop if mode == 'val' else runner.test_loop
            with self.average.origin(runner.model):
                more = evaluate(runner, loop)
        add_metrics(runner, mode, metrics, more)

    def _tested(self) -> str:
        """Name the weights that a test evaluates."""
        if self.average is not None and self.average.steps:
            if self.evaluate_on_ema:
                return f'the average of {self.average.steps} updates'
            return 'the weights that the optimizer left'
        if self._loaded is not None:
            return self._loaded.describe()
        return 'the weights of the model, as no checkpoint was loaded'

    def _announce(self, runner: Any, plan: SwitchPlan) -> None:
        """Say what the run will do; warn of what will go wrong."""
        done = runner.epoch if self.by_epoch else runner.iter
        tensors = self.average.average_now().values()
        print_log(
            f'{type(self).__name__}: average of {len(tensors)} tensors '
            f'({sum(t.numel() for t in tensors):,} elements), '
            f'{self.average.momentum_at!r}; {plan.describe(done)}.',
            logger='current',
        )
        parts = experimental_parts(self.average)
        if parts:
            print_log(
                f'Experimental, not run on a GPU yet: {", ".join(parts)}.',
                logger='current',
            )
        warnings = [plan.warning(self.options)]
        if self.recalibrate_bn and not has_batch_norm(self.average.model):
            warnings.append(
                f'recalibrate_bn={self.recalibrate_bn} has no effect: the '
                'model has no BatchNorm layer'
            )
        if self.options.side_stream and not self.average.overlaps:
            warnings.append(
                'side_stream=True has no effect: the model is not on a GPU'
            )
        own = averages_in(self.average.model)
        if own and self.schedule.interval is not None:
            warnings.append(
                f"the model averages itself, as '{own[0]}', and a second "
                'average will be switched into it: SwitchTargetHook switches '
                "the model's own"
            )
        for text in filter(None, warnings):
            print_log(
                f'{type(self).__name__}: {text}.',
                logger='current',
                level=logging.WARNING,
            )

    def _is_logged(self, runner: Any, batch_idx: int) -> bool:
        """Whether the logger writes the scalars of this iteration."""
        intervals = [
            hook.interval
            for hook in runner.hooks
            if isinstance(hook, LoggerHook)
        ]
        return any(
            self.every_n_inner_iters(batch_idx, n) for n in intervals
        ) or self.end_of_epoch(runner.train_dataloader, batch_idx)

    def _record(self, runner: Any, **scalars: float) -> None:
        """Put scalars where every visualizer backend finds them."""
        last = max(self.average.steps - 1, 0)
        scalars['momentum'] = self.average.momentum_at(last)
        for name, value in scalars.items():
            runner.message_hub.update_scalar(f'train/sema/{name}', value)
