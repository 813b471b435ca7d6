"""Switch EMA for models that hold the average themselves."""

import contextlib
from collections.abc import Sequence
from typing import Any, Optional

from mmengine.hooks import EMAHook, Hook
from mmengine.registry import HOOKS
from mmengine.runner import Runner

from ..averaging.arguments import check_flag
from ..averaging.switch_plan import RunLength
from ..sharding import backend_of
from .switch_ema_hook import SwitchEMAHook
from .switch_hook import SwitchHook, length_of_run
from .target_network import TargetNetwork, check_online

__all__ = ['SwitchTargetHook']


@HOOKS.register_module()
class SwitchTargetHook(SwitchHook):
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
        switch_interval (int, optional): Epochs or iterations between two
            switches. None: no switch, with ``evaluate_on_target=True``:
            plain EMA, an evaluation of the average that the model has
            anyway. Defaults to 1.
        switch_begin (int): Epochs or iterations at the beginning without a
            switch. Defaults to 0.
        switch_end (int, optional): Last epoch or iteration that may end
            with a switch. Defaults to None.
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
        super().__init__(by_epoch, switch_interval, switch_begin, switch_end)
        check_flag('evaluate_on_target', evaluate_on_target)
        check_online(online)
        if switch_interval is None and not evaluate_on_target:
            raise ValueError(
                'switch_interval=None would never switch: give a number, '
                'or evaluate_on_target=True to evaluate the average alone, '
                'or leave SwitchTargetHook out, as the model averages '
                'without it'
            )
        self.target = target
        self.online = tuple(online)
        self.evaluate_on_target = evaluate_on_target
        self.network: Any = None
        self._units: list[int] = []

    def before_train(self, runner: Runner) -> None:
        """Find the two networks, and log when the run switches."""
        self._find_networks(runner)
        plan = self._plan(runner)
        self._units = plan.units
        self._log_plan(
            runner, self._direction, plan, self._warning(length_of_run(runner))
        )

    def _check_against(self, other: Hook) -> None:
        if self.evaluate_on_target and isinstance(
            other, (EMAHook, SwitchEMAHook)
        ):
            raise ValueError(
                f'{type(self).__name__} with evaluate_on_target=True and '
                f'{type(other).__name__} both put an average into the '
                'model to evaluate it: leave one of the two out'
            )
        if _writes(other):
            raise ValueError(
                'two hooks write averages into the model, '
                f'{type(self).__name__} and {type(other).__name__}: keep '
                'one of them in custom_hooks, or give SwitchEMAHook '
                'switch_interval=None'
            )

    @property
    def _direction(self) -> str:
        return f'{"+".join(self.online)} <- {self.network.name}'

    def _find_networks(self, runner: Runner) -> None:
        """Find the two networks in the model."""
        if backend_of(runner.model).sharded:
            raise RuntimeError(
                'SwitchTargetHook needs each parameter whole on every rank: '
                'train with DistributedDataParallel, not with FSDP or ZeRO'
            )
        self.network = TargetNetwork(runner.model, self.target, self.online)

    def _evaluated(
        self, runner: Runner
    ) -> Optional[contextlib.AbstractContextManager]:
        if not self.evaluate_on_target:
            return None
        self._find_networks(runner)
        return None if self.network.updates == 0 else self.network.swapped()

    def _tested(self) -> str:
        online = '+'.join(self.online)
        if not self.evaluate_on_target:
            return f'{online} as they are'
        if self.network.updates != 0:
            return f"{self.network.name}, the model's own average of {online}"
        return f'{online} as they are: {self.network.name} was never updated'

    def _switch(self, runner: Runner, completed: int) -> None:
        name = self.network.name
        if self.network.updates == 0:
            self._log_skip(completed, f'{name} was not updated yet')
            return
        if not self.network.is_finite():
            self._log_skip(completed, f'{name} is not finite')
            return
        distance = self.network.distance()
        self.network.switch_parameters()
        number = self._units.index(completed) + 1
        self._log_switch(runner, completed, number, self._direction, distance)

    def _warning(self, length: RunLength) -> Optional[str]:
        """Warn of the first switch whose window is too long."""
        per_unit = length.iters_per_epoch if self.by_epoch else 1
        apart = (self.schedule.interval or 1) * per_unit
        for number in self._units:
            # The models update the target once in every iteration.
            momentum = self.network.momentum_at(number * per_unit - 1)
            if momentum is None or momentum * apart >= 1 - 1e-9:
                continue
            window = 1 / momentum if momentum else float('inf')
            return (
                f'at the switch after {self._unit} {number} '
                f'the window of {self.network.name}, {window:.6g} iterations, '
                f'is longer than the {apart} iterations between two '
                'switches, which will throw the model back to older '
                'weights: choose a longer switch_interval, or an earlier '
                'switch_end'
            )
        return None


def _writes(hook: Hook) -> bool:
    """Return whether a hook switches an average into the model."""
    if isinstance(hook, SwitchEMAHook):
        return hook.schedule.interval is not None
    return isinstance(hook, SwitchTargetHook)
