"""The other hooks of a runner that averaging has to live with."""

from typing import Any

from mmengine.hooks import CheckpointHook, EMAHook, Hook

__all__ = ['check_conflicts', 'check_order', 'checkpoint_due']


def check_conflicts(runner: Any, hook: Hook) -> None:
    """Refuse hooks with which a run would go wrong silently.

    Args:
        runner (Runner): The runner.
        hook (Hook): Our hook in it.

    Raises:
        ValueError: If another hook averages too, or if our hook would act
            after checkpoints are written.
    """
    for other in runner.hooks:
        if other is not hook and isinstance(other, (EMAHook, type(hook))):
            raise ValueError(
                'two hooks average the model, '
                f'{_full_name(hook)} and {_full_name(other)}: each would '
                "overwrite the other's weights in evaluations and "
                'checkpoints; keep one of them in custom_hooks'
            )
        if isinstance(other, CheckpointHook):
            check_order(runner, hook, other)


def check_order(runner: Any, hook: Hook, checkpoint: Hook) -> None:
    """Refuse a hook that would act after checkpoints are written.

    Args:
        runner (Runner): The runner.
        hook (Hook): Our hook in it.
        checkpoint (Hook): Its hook that writes checkpoints.

    Raises:
        ValueError: If our hook comes later.
    """
    order = list(runner.hooks)
    if order.index(hook) > order.index(checkpoint):
        raise ValueError(
            f'{type(hook).__name__} has priority {hook.priority!r}, after '
            f'{type(checkpoint).__name__} with {checkpoint.priority!r}: '
            'checkpoints would be written before the switch; leave its '
            'priority out'
        )


def checkpoint_due(runner: Any, by_epoch: bool) -> bool:
    """Tell whether a checkpoint will be written at the end of this unit.

    Args:
        runner (Runner): The runner, at the end of an epoch or iteration.
        by_epoch (bool): Whether it is the end of an epoch.

    Returns:
        bool: True if a checkpoint hook is due.
    """
    for hook in runner.hooks:
        if not isinstance(hook, CheckpointHook) or hook.by_epoch != by_epoch:
            continue
        every, last = (
            (hook.every_n_epochs, hook.is_last_train_epoch)
            if by_epoch
            else (hook.every_n_train_iters, hook.is_last_train_iter)
        )
        if every(runner, hook.interval, hook.save_begin):
            return True
        if hook.save_last and last(runner):
            return True
    return False


def _full_name(hook: Hook) -> str:
    return f'{type(hook).__module__}.{type(hook).__name__}'
