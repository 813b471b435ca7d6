"""The average of a run of several processes."""

import functools
from typing import Any, Callable

import torch
from mmengine.dist import all_reduce, get_comm_device, get_world_size
from torch.distributed.fsdp import StateDictType

from ..averaging.switch_ema import SwitchEMA
from ..sharding.model_tensors import running_statistics
from ..strategies import DeepSpeedStrategy

__all__ = ['check_strategy', 'gather_before_saving', 'synchronise']


def synchronise(average: SwitchEMA) -> None:
    """Make the average the same on all ranks. Call it on every rank.

    Parameters and their averages are the same already; the running means
    and variances of normalisation layers are not, as every rank has its own
    batches. Those of the model and of the average are averaged over the
    ranks.

    Args:
        average (SwitchEMA): The average on this rank.

    Raises:
        RuntimeError: If the ranks have averaged different numbers of steps.
    """
    if get_world_size() == 1:
        return
    _check_steps(average.steps)
    statistics = running_statistics(average.model)
    tensors = list(statistics.values())
    now = average.average_now()
    tensors += [now[name] for name in statistics if name in now]
    for tensor in tensors:
        # In float64, so that equal values stay as they are.
        mean = tensor.double()
        all_reduce(mean, op='mean')
        tensor.copy_(mean)


def check_strategy(runner: Any) -> None:
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


def gather_before_saving(runner: Any, gather: Callable[[], None]) -> None:
    """Gather a sharded average before each checkpoint, on every rank.

    mmengine calls ``before_save_checkpoint`` when the model was gathered
    already, and not on every rank.

    Args:
        runner (FlexibleRunner): The runner.
        gather (Callable): Gathers the average.

    Raises:
        RuntimeError: If the runner cannot save a sharded model.
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
    save = strategy.save_checkpoint

    @functools.wraps(save)
    def gathering_save(*args: Any, **kwargs: Any) -> None:
        gather()
        save(*args, **kwargs)

    strategy.save_checkpoint = gathering_save


def _check_steps(steps: int) -> None:
    bounds = torch.tensor([steps, -steps], device=get_comm_device())
    all_reduce(bounds, op='max')
    most, least = int(bounds[0]), -int(bounds[1])
    if most != least:
        raise RuntimeError(
            f'one rank has averaged {most} optimizer steps, another {least}: '
            'the weights of some ranks alone were not finite; look for a '
            'fault of their machine, and resume from the last checkpoint'
        )
