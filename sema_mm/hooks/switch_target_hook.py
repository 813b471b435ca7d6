"""Switch EMA for models that hold the average themselves."""

import contextlib
import logging
from collections.abc import Sequence
from typing import Any, Optional, Union

from mmengine.hooks import CheckpointHook, EMAHook, Hook
from mmengine.logging import print_log
from mmengine.registry import HOOKS

from .. import mmengine_patches
from ..averaging.arguments import check_flag
from ..averaging.switch_plan import RunLength, SwitchPlan
from ..averaging.switch_schedule import SwitchSchedule
from ..sharding import backend_of
from .hook_conflicts import check_order
from .run_length import length_of_run
from .switch_ema_hook import SwitchEMAHook
from .target_network import TargetNetwork, check_online

__all__ = ['SwitchTargetHook']

DATA_BATCH = Optional[Union[dict, tuple, list]]


@HOOKS.register_module()
class SwitchTargetHook(Hook):
    """Switch a model's own momentum network into its online network.

    MoCo, BYOL and MoCo v3 hold the average of their encoder as the network
    that makes their targets. After every ``switch_interval`` epochs or
    iterations this hook writes it into the online backbone and neck
    (arXiv 2402.09240), before the checkpoint and the validation of that
    moment, in place, and without a second copy of any weight. The target,
    its momentum and the schedule of that stay the model's affair, as do
    checkpoints, which hold both; predictor, queue, optimizer and BatchNorm
    statistics are left as they are (:class:`TargetNetwork`).

    The models of mmpretrain update the target before the optimizer steps, so
    that a switch sets the online network to the average of all weights but
    those which the last step left.

    Args:
        by_epoch (bool): Whether the three numbers below count epochs, or
            else iterations; counted when completed, from 1. Defaults to
            True.
        switch_interval (int, optional): Switch every so many units. None:
            never, with ``evaluate_on_target=True``: plain EMA, the average
            that the model has anyway, evaluated. Defaults to 1.
        switch_begin (int): No switch in the first so many units. Defaults
            to 0.
        switch_end (int, optional): No switch after this unit. Defaults to
            None.
        target (str, optional): Name of the momentum network in the model.
            None: the model's only averaged model. Defaults to None.
        online (Sequence[str]): Names of what it averages. Defaults to
            ``('backbone', 'neck')``.
        evaluate_on_target (bool): Validate and test with the target's
            trainable parameters in the online network, exchanged in place;
            with BatchNorm statistics of the online network. Else the model
            is evaluated as it is, as without this hook: runs that are
            compared must agree in it. Defaults to False.

    Attributes:
        network (TargetNetwork): The two networks; None before a run.

    Raises:
        TypeError: If an argument has the wrong type.
        ValueError: If an argument is out of its range.

    Examples:
        >>> custom_hooks = [
        ...     dict(type='sema_mm.SwitchTargetHook', switch_interval=10)
        ... ]
    """

    priority = 'NORMAL'

    def __init__(
        self,
        by_epoch: bool = True,
        switch_interval: Optional[int] = 1,
        switch_begin: int = 0,
        switch_end: Optional[int] = None,
        target: Optional[str] = None,
        online: Sequence[str] = ('backbone', 'neck'),
        evaluate_on_target: bool = False,
    ) -> None:
        check_flag('by_epoch', by_epoch)
        check_flag('evaluate_on_target', evaluate_on_target)
        check_online(online)
        if switch_interval is None and not evaluate_on_target:
            raise ValueError(
                'switch_interval=None would never switch: give a number, '
                'or evaluate_on_target=True to evaluate the average alone, '
                'or leave SwitchTargetHook out, as the model averages '
                'without it'
            )
        self.by_epoch = by_epoch
        self.schedule = SwitchSchedule(
            switch_interval, switch_begin, switch_end
        )
        self.target = target
        self.online = tuple(online)
        self.evaluate_on_target = evaluate_on_target
        self.network: Any = None
        self._units: list[int] = []
        self._swap = contextlib.ExitStack()

    def before_run(self, runner: Any) -> None:
        """Look at the other hooks, and guard the evaluation loops.

        Args:
            runner (Runner): The runner of the process.
        """
        self.check_conflicts(runner)
        mmengine_patches.close_after_run(runner._val_loop, self._swap)
        mmengine_patches.close_after_run(runner._test_loop, self._swap)

    def check_conflicts(self, runner: Any) -> None:
        """Refuse hooks with which a run would go wrong silently.

        Args:
            runner (Runner): The runner, of which only the hooks are read.

        Raises:
            ValueError: If another hook writes averages into the model, too,
                or if checkpoints would be written before a switch.
        """
        for other in runner.hooks:
            if self.evaluate_on_target and isinstance(
                other, (EMAHook, SwitchEMAHook)
            ):
                raise ValueError(
                    f'{type(self).__name__} with evaluate_on_target=True and '
                    f'{type(other).__name__} both put an average into the '
                    'model to evaluate it: leave one of the two out'
                )
            if other is not self and _writes(other):
                raise ValueError(
                    'two hooks write averages into the model, '
                    f'{type(self).__name__} and {type(other).__name__}: keep '
                    'one of them in custom_hooks, or give SwitchEMAHook '
                    'switch_interval=None'
                )
            if isinstance(other, CheckpointHook):
                check_order(runner, self, other)

    def before_train(self, runner: Any) -> None:
        """Find the two networks, and say when the run switches.

        Args:
            runner (Runner): The runner of the training process.
        """
        self._find_networks(runner)
        length = length_of_run(runner)
        plan = SwitchPlan.of_length(length, self.schedule, self.by_epoch, 0, 0)
        self._units = plan.units
        done = runner.epoch if self.by_epoch else runner.iter
        print_log(
            f'{type(self).__name__}: {"+".join(self.online)} <- '
            f'{self.network.name}; {plan.describe(done)}.',
            logger='current',
        )
        warning = self._warning(length)
        if warning:
            print_log(warning, logger='current', level=logging.WARNING)

    def after_train_iter(
        self,
        runner: Any,
        batch_idx: int,
        data_batch: DATA_BATCH = None,
        outputs: Optional[dict] = None,
    ) -> None:
        """Switch if due, where iterations are counted.

        Args:
            runner (Runner): The runner of the training process.
            batch_idx (int): Not used.
            data_batch (dict or tuple or list, optional): Not used.
            outputs (dict, optional): Not used.
        """
        if not self.by_epoch and self.schedule.is_due(runner.iter + 1):
            self._switch(runner, runner.iter + 1)

    def after_train_epoch(self, runner: Any) -> None:
        """Switch if due, before the checkpoint and the validation.

        Args:
            runner (Runner): The runner of the training process.
        """
        if self.by_epoch and self.schedule.is_due(runner.epoch + 1):
            self._switch(runner, runner.epoch + 1)

    def before_val_epoch(self, runner: Any) -> None:
        """Put the target's weights into the online network, if asked to.

        Args:
            runner (Runner): The runner of the validation process.
        """
        self._enter_evaluation(runner)

    def after_val_epoch(
        self, runner: Any, metrics: Optional[dict[str, float]] = None
    ) -> None:
        """Put the online network's own weights back.

        Args:
            runner (Runner): Not used.
            metrics (Dict[str, float], optional): Not used.
        """
        self._swap.close()

    def before_test_epoch(self, runner: Any) -> None:
        """Put the target's weights in, if asked to; say what is tested.

        Args:
            runner (Runner): The runner of the testing process.
        """
        self._enter_evaluation(runner)
        print_log(f'Testing {self._tested()}.', logger='current')

    def after_test_epoch(
        self, runner: Any, metrics: Optional[dict[str, float]] = None
    ) -> None:
        """Put the online network's own weights back.

        Args:
            runner (Runner): Not used.
            metrics (Dict[str, float], optional): Not used.
        """
        self._swap.close()

    def _find_networks(self, runner: Any) -> None:
        """Find the two networks in the model."""
        if backend_of(runner.model).sharded:
            raise RuntimeError(
                'SwitchTargetHook needs each parameter whole on every rank: '
                'train with DistributedDataParallel, not with FSDP or ZeRO'
            )
        self.network = TargetNetwork(runner.model, self.target, self.online)

    def _enter_evaluation(self, runner: Any) -> None:
        """Exchange the two networks, once there is an average."""
        if not self.evaluate_on_target:
            return
        self._find_networks(runner)
        if self.network.updates != 0:
            self._swap.enter_context(self.network.swapped())

    def _tested(self) -> str:
        """Name the network that a test evaluates."""
        online = '+'.join(self.online)
        if not self.evaluate_on_target:
            return f'{online} as they are'
        if self.network.updates != 0:
            return f"{self.network.name}, the model's own average of {online}"
        return f'{online} as they are: {self.network.name} was never updated'

    def _switch(self, runner: Any, completed: int) -> None:
        """Write the target into the online network."""
        when = f'{"epoch" if self.by_epoch else "iteration"} {completed}'
        made = self.network.updates != 0
        if not made or not self.network.is_finite():
            why = 'is not finite' if made else 'was not updated yet'
            print_log(
                f'No switch after {when}: {self.network.name} {why}.',
                logger='current',
                level=logging.WARNING,
            )
            return
        distance = self.network.distance()
        self.network.switch_parameters()
        switches = self._units.index(completed) + 1
        hub = runner.message_hub
        hub.update_scalar('train/sema/switches', switches)
        hub.update_scalar('train/sema/distance', distance)
        print_log(
            f'Switch {switches} after {when}: {"+".join(self.online)} <- '
            f'{self.network.name}, at a relative distance of {distance:.3g}.',
            logger='current',
        )

    def _warning(self, length: RunLength) -> Optional[str]:
        """Name the first switch that goes back too far."""
        per_unit = length.iters_per_epoch if self.by_epoch else 1
        apart = (self.schedule.interval or 1) * per_unit
        unit = 'epoch' if self.by_epoch else 'iteration'
        for number in self._units:
            # The models update the target once in every iteration.
            momentum = self.network.momentum_at(number * per_unit - 1)
            if momentum is None or momentum * apart >= 1 - 1e-9:
                continue
            window = 1 / momentum if momentum else float('inf')
            return (
                f'{type(self).__name__}: at the switch after {unit} {number} '
                f'the window of {self.network.name}, {window:.6g} iterations, '
                f'is longer than the {apart} iterations between two '
                'switches, which will throw the model back to older '
                'weights: choose a longer switch_interval, or an earlier '
                'switch_end.'
            )
        return None


def _writes(hook: Hook) -> bool:
    """Whether a hook writes an average into the model to train it."""
    if isinstance(hook, SwitchEMAHook):
        return hook.schedule.interval is not None
    return isinstance(hook, SwitchTargetHook)
