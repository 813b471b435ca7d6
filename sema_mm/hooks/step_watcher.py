"""Tell whether an iteration really stepped an optimizer."""

from collections.abc import Iterator
from typing import Any, Callable, Optional

import torch
from torch import Tensor
from torch.optim import Optimizer

__all__ = ['StepCounter', 'StepWatcher']


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


def _optimizers(optim_wrapper: Any) -> Iterator[Any]:
    """Go through a wrapper, or a dict of wrappers, to the optimizers."""
    if hasattr(optim_wrapper, 'optimizer'):
        yield optim_wrapper.optimizer
    else:
        for inner in optim_wrapper.values():
            yield from _optimizers(inner)
