"""Tell whether an iteration really stepped an optimizer; average if it did."""

import logging
from collections.abc import Iterator
from typing import Any, Callable, Optional, Union

import torch
from mmengine.logging import print_log
from torch import Tensor, nn
from torch.optim import Optimizer

from ..averaging.nonfinite_guard import NonfiniteGuard
from ..averaging.switch_ema import SwitchEMA

__all__ = ['AverageUpdater', 'StepCounter', 'StepWatcher']


class StepWatcher:
    """Notices the steps of every optimizer in an optimizer wrapper.

    An iteration that only accumulates gradients does not step, nor does one
    whose step a gradient scaler skips.

    Args:
        optim_wrapper (Any): mmengine's ``OptimWrapper``,
            ``AmpOptimWrapper`` or ``OptimWrapperDict``.
        before_step (Callable): Called before each step.

    Raises:
        TypeError: If an optimizer is not one of torch's.
    """

    def __init__(
        self, optim_wrapper: Any, before_step: Callable[[], None]
    ) -> None:
        self._before_step = before_step
        self._stepped = False
        self._skipped: Optional[Tensor] = None
        self._handles = []
        for optimizer in _optimizers(optim_wrapper):
            if not isinstance(optimizer, Optimizer):
                raise TypeError(
                    'SwitchEMAHook counts the steps of torch optimizers; '
                    f'{type(optimizer).__name__} is not one'
                )
            self._handles += [
                optimizer.register_step_pre_hook(self._prepare),
                optimizer.register_step_post_hook(self._notice),
            ]

    def take(self) -> tuple[bool, Optional[Tensor]]:
        """Tell what happened since the last call, and forget it.

        Returns:
            Tuple[bool, Optional[Tensor]]: Whether an optimizer stepped; and
            for optimizers that a gradient scaler stops inside their step
            (the fused ones), a flag on the device, above 0 when all of them
            were stopped.
        """
        seen = self._stepped, self._skipped
        self._stepped, self._skipped = False, None
        return seen

    def close(self) -> None:
        """Stop watching."""
        for handle in self._handles:
            handle.remove()
        self._handles = []

    def _prepare(self, optimizer: Optimizer, args: Any, kwargs: Any) -> None:
        self._before_step()

    def _notice(self, optimizer: Optimizer, args: Any, kwargs: Any) -> None:
        flag = getattr(optimizer, 'found_inf', None)
        if not self._stepped:
            self._skipped = flag
        elif flag is None or self._skipped is None:
            self._skipped = None
        else:
            flag = flag.to(self._skipped.device)
            self._skipped = torch.minimum(self._skipped, flag)
        self._stepped = True


class StepCounter:
    """Notices the steps of an optimizer that counts them.

    Args:
        count (Callable): Tells how many there were.
    """

    def __init__(self, count: Callable[[], Any]) -> None:
        self._count = count
        self._seen = count()

    def take(self) -> tuple[bool, Optional[Tensor]]:
        """Tell what happened since the last call.

        Returns:
            Tuple[bool, Optional[Tensor]]: Whether there was a step; None.
        """
        before, self._seen = self._seen, self._count()
        return self._seen > before, None

    def close(self) -> None:
        """Stop watching."""


class AverageUpdater:
    """Update an average after each optimizer step that left finite weights.

    Args:
        average (SwitchEMA): The average.
        optim_wrapper (Any): The optimizers, as for :class:`StepWatcher`.
        max_nonfinite (int): Limit of :class:`NonfiniteGuard`.
        nonfinite (int): Steps that were skipped before a resume.

    Raises:
        ValueError: If the average has a side stream and the optimizer
            cannot wait for it.
    """

    def __init__(
        self,
        average: SwitchEMA,
        optim_wrapper: Any,
        max_nonfinite: int,
        nonfinite: int,
    ) -> None:
        self._average = average
        self._sharded = average.backend.sharded
        self._guard = NonfiniteGuard(max_nonfinite)
        self._guard.total = nonfinite
        self._resumed = nonfinite
        self._warned = False
        count = average.backend.step_count
        self._watcher: Union[StepCounter, StepWatcher]
        if count() is None:
            self._watcher = StepWatcher(optim_wrapper, average.before_step)
        elif average.options.side_stream:
            raise ValueError(
                'side_stream=True needs optimizers of torch, which tell '
                "before they step; DeepSpeed's do not: leave it out"
            )
        else:
            self._watcher = StepCounter(count)

    @property
    def nonfinite(self) -> int:
        """int: Optimizer steps that were skipped so far."""
        return self._guard.total

    @property
    def has_diverged(self) -> bool:
        """bool: Whether the last step left weights that are not finite."""
        return self._guard.in_a_row > 0

    def update(self, model: nn.Module, begun: bool) -> None:
        """Update the average if an optimizer stepped since the last call.

        Args:
            model (nn.Module): The model.
            begun (bool): Whether averaging has begun; steps before it are
                ignored.
        """
        stepped, no_step = self._watcher.take()
        if stepped and begun:
            # The weight of an update depends on how many there were, so
            # those before it are counted: their verdicts are an iteration old.
            self.settle()
            self._average.update_parameters(
                model, lambda weights: self._judge(weights, no_step)
            )
            self._count(wait=False)

    def settle(self) -> None:
        """Wait for the guard, and count the updates that it skipped."""
        self._count(wait=True)

    def close(self) -> None:
        """Finish the last update, and stop watching the optimizers."""
        self.settle()
        self._average.before_step()
        self._watcher.close()

    def _judge(
        self, weights: list[Tensor], no_step: Optional[Tensor]
    ) -> Union[bool, Tensor]:
        """Ask the guard; ranks of a sharded model count every update."""
        skip = self._guard.judge(weights, no_step)
        return torch.as_tensor(skip) if self._sharded else skip

    def _count(self, wait: bool) -> None:
        skipped = self._guard.settle(wait)
        if not self._sharded:
            self._average.steps -= skipped
        if self._guard.total > self._resumed and not self._warned:
            self._warned = True
            print_log(
                'The weights are not finite after an optimizer step: the '
                'average skips them. This is logged once; training stops '
                f'after {self._guard.limit} such steps in a row.',
                logger='current',
                level=logging.WARNING,
            )


def _optimizers(optim_wrapper: Any) -> Iterator[Any]:
    """Go through a wrapper, or a dict of wrappers, to the optimizers."""
    if hasattr(optim_wrapper, 'optimizer'):
        yield optim_wrapper.optimizer
    else:
        for inner in optim_wrapper.values():
            yield from _optimizers(inner)
