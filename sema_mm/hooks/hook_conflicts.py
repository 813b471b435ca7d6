"""The other hooks and the strategy of a runner that averages."""

from mmengine.hooks import CheckpointHook, EMAHook, Hook, LoggerHook
from mmengine.runner import Runner
from torch.distributed.fsdp import StateDictType

from ..averaging.batch_norm import has_batch_norm
from ..averaging.switch_ema import SwitchEMA
from ..strategies import DeepSpeedStrategy
from .target_network import averages_in

__all__ = [
    'check_order',
    'check_other_average',
    'check_sharded_saving',
    'check_strategy',
    'checkpoint_due',
    'log_due',
    'warnings_of',
]


def check_other_average(hook: Hook, other: Hook) -> None:
    """Raise a ValueError if another hook averages the model, too."""
    if isinstance(other, (EMAHook, type(hook))):
        names = [
            f'{type(h).__module__}.{type(h).__name__}' for h in (hook, other)
        ]
        raise ValueError(
            f'two hooks average the model, {" and ".join(names)}: each would '
            "overwrite the other's weights in evaluations and checkpoints; "
            'keep one of them in custom_hooks'
        )


def check_order(runner: Runner, hook: Hook, checkpoint: Hook) -> None:
    """Raise a ValueError if checkpoints would be written before a switch."""
    order = list(runner.hooks)
    if order.index(hook) > order.index(checkpoint):
        raise ValueError(
            f'{type(hook).__name__} has priority {hook.priority!r}, after '
            f'{type(checkpoint).__name__} with {checkpoint.priority!r}: '
            'checkpoints would be written before the switch; leave its '
            'priority out'
        )


def checkpoint_due(runner: Runner, by_epoch: bool) -> bool:
    """Return whether a checkpoint follows at the end of this unit."""
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
    """Refuse a strategy whose checkpoints would lack the average."""
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
    """Refuse a runner that cannot save a sharded model whole."""
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


def log_due(runner: Runner, batch_idx: int) -> bool:
    """Return whether a logger writes the scalars of this iteration."""
    return batch_idx + 1 == len(runner.train_dataloader) or any(
        hook.every_n_inner_iters(batch_idx, hook.interval)
        for hook in runner.hooks
        if isinstance(hook, LoggerHook)
    )


def warnings_of(
    average: SwitchEMA, recalibrate_bn: int, switches: bool
) -> list[str]:
    """List arguments without effect, and a second average in the model.

    Args:
        average (SwitchEMA): The average of the model.
        recalibrate_bn (int): Training batches for BatchNorm statistics.
        switches (bool): Whether the run switches.

    Returns:
        List[str]: Sentences without a full stop.
    """
    found = []
    if recalibrate_bn and not has_batch_norm(average.model):
        found.append(
            f'recalibrate_bn={recalibrate_bn} has no effect: the model has '
            'no BatchNorm layer'
        )
    if average.options.side_stream and not average.overlaps:
        found.append(
            'side_stream=True has no effect: the model is not on a GPU'
        )
    own = averages_in(average.model)
    if own and switches:
        found.append(
            f"the model averages itself, as '{own[0]}', and a second average "
            'will be switched into it: SwitchTargetHook switches the '
            "model's own"
        )
    return found
