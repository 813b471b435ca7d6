"""The other hooks of a runner that averaging has to live with."""

from mmengine.hooks import CheckpointHook, EMAHook, Hook
from mmengine.runner import Runner
from torch.distributed.fsdp import StateDictType

from ..strategies import DeepSpeedStrategy

__all__ = [
    'check_conflicts',
    'check_order',
    'check_sharded_saving',
    'check_strategy',
    'checkpoint_due',
]


def check_conflicts(runner: Runner, hook: Hook) -> None:
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


def check_order(runner: Runner, hook: Hook, checkpoint: Hook) -> None:
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


def checkpoint_due(runner: Runner, by_epoch: bool) -> bool:
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


def check_strategy(runner: Runner) -> None:
    """Refuse a strategy whose checkpoints would lack the average.

    Args:
        runner (Runner): The runner.

    Raises:
        RuntimeError: If it has mmengine's own DeepSpeedStrategy.
    """
    kind = type(getattr(runner, 'strategy', None))
    if kind.__name__ == 'DeepSpeedStrategy' and not issubclass(
        kind, DeepSpeedStrategy
    ):
        raise RuntimeError(
            "mmengine's DeepSpeedStrategy saves without asking the hooks, so "
            'the average would be lost: write strategy=dict(type='
            "'sema_mm.DeepSpeedStrategy', ...)"
        )


def check_sharded_saving(runner: Runner) -> None:
    """Refuse a runner that cannot save the whole of a sharded model.

    Args:
        runner (Runner): The runner of a sharded model.

    Raises:
        RuntimeError: If it has no strategy, or one that saves shards.
    """
    strategy = getattr(runner, 'strategy', None)
    if strategy is None:
        raise RuntimeError(
            "mmengine's Runner cannot save a sharded model: write "
            "runner_type='FlexibleRunner' and strategy=dict(type="
            "'sema_mm.FSDPStrategy')"
        )
    kind = getattr(strategy, 'state_dict_type', StateDictType.FULL_STATE_DICT)
    if kind != StateDictType.FULL_STATE_DICT:
        raise RuntimeError(
            f'state_dict_cfg of the strategy is {kind.name}, a checkpoint of '
            'parts that only as many ranks can read: write '
            "state_dict_cfg='full'"
        )


def _full_name(hook: Hook) -> str:
    return f'{type(hook).__module__}.{type(hook).__name__}'
