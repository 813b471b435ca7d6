"""Make the average ready for an evaluation; evaluate at other times, too."""

import random
from typing import Any

import numpy as np
import torch
from mmengine.dist import (
    all_reduce,
    get_comm_device,
    get_rank,
    get_world_size,
)
from mmengine.hooks import Hook
from mmengine.registry import HOOKS
from mmengine.runner import BaseLoop, Runner
from mmengine.utils import is_seq_of
from torch.utils.data import DataLoader, IterableDataset

from ..averaging.batch_norm import estimate_statistics
from ..averaging.switch_ema import SwitchEMA
from ..checkpointing.random_state import preserve_random_state
from ..sharding.model_tensors import running_statistics

__all__ = [
    'FirstValidationHook',
    'add_origin_metrics',
    'recalibrate',
    'synchronise',
]


@HOOKS.register_module()
class FirstValidationHook(Hook):
    """Validate once before the first epoch, as epoch 0.

    Features that nobody has trained may be good already; what a training
    adds is the difference. No random number is drawn that the training would
    have drawn, and a resumed run does not validate again.
    """

    priority = 'LOWEST'

    def before_train(self, runner: Runner) -> None:
        """Validate, unless the training resumes."""
        if runner.val_loop is None:
            raise ValueError(
                'FirstValidationHook needs a validation: give val_dataloader, '
                'val_cfg and val_evaluator, or leave it out'
            )
        if runner.iter == 0:
            with preserve_random_state():
                runner.val_loop.run()


def add_origin_metrics(
    runner: Runner, average: SwitchEMA, mode: str, metrics: dict[str, Any]
) -> None:
    """Evaluate the origin, and add its metrics under ``<metric>_origin``.

    Args:
        runner (Runner): The runner, whose message hub gets the scalars.
        average (SwitchEMA): The average; before its first update it is the
            origin.
        mode (str): 'val' or 'test'.
        metrics (Dict[str, Any]): The metrics of the average; changed in
            place, as later hooks (checkpoints, early stopping) read it.
    """
    origin = dict(metrics)
    if average.steps > 0:
        with average.origin(runner.model):
            origin = _evaluate(runner, getattr(runner, f'{mode}_loop'))
    for name, value in origin.items():
        key = f'{name}_origin'
        metrics[key] = value
        if is_seq_of([value], (int, float)):
            runner.message_hub.update_scalar(f'{mode}/{key}', value)
        else:
            runner.message_hub.update_info(f'{mode}/{key}', value)


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


def recalibrate(runner: Runner, average: SwitchEMA, batches: int) -> None:
    """Estimate the BatchNorm statistics of the average. Call on every rank.

    The batches are drawn at random from the training data; neither the order
    of the training nor a random number generator changes. Each rank reads its
    own batches, and the estimates are averaged over the ranks.

    Args:
        runner (Runner): The runner, in training.
        average (SwitchEMA): The average of its model.
        batches (int): Number of training batches to read on each rank.

    Raises:
        ValueError: If the data set has no indices.
    """
    backend, seed = average.backend, average.steps
    model: Any = backend.module
    # Shards are made whole by the wrapper; that of DDP would also tie the
    # ranks together, which read different numbers of batches.
    caller: Any = backend.outer if backend.sharded else model

    def forward(batch: Any) -> None:
        data = model.data_preprocessor(batch, True)
        caller._run_forward(data, mode='loss')

    with average.swapped(runner.model):
        with preserve_random_state():
            random.seed(seed)
            np.random.seed(seed % 2**32)
            torch.manual_seed(seed)
            loader = _loader(runner.train_dataloader, batches, seed)
            statistics = estimate_statistics(model, loader, forward)
        for tensor in statistics.values():
            all_reduce(tensor, op='mean')
    average.set_statistics(statistics)


def _evaluate(runner: Runner, loop: BaseLoop) -> dict[str, Any]:
    """Evaluate the model once more, and draw no random number of training."""
    runner.model.eval()
    with preserve_random_state():
        for index, batch in enumerate(loop.dataloader):
            loop.run_iter(index, batch)
    return loop.evaluator.evaluate(len(loop.dataloader.dataset))


def _loader(source: Any, batches: int, seed: int) -> DataLoader:
    """Build a loader of random batches like those of a training loader."""
    if isinstance(source.dataset, IterableDataset):
        raise ValueError(
            'recalibrate_bn draws samples by index, which '
            f'{type(source.dataset).__name__} does not offer: write '
            'recalibrate_bn=0, or update_buffers=True'
        )
    size = source.batch_size or source.batch_sampler.batch_size
    return DataLoader(
        source.dataset,
        batch_sampler=_draw(len(source.dataset), size, batches, seed),
        num_workers=source.num_workers,
        collate_fn=source.collate_fn,
        worker_init_fn=source.worker_init_fn,
        pin_memory=source.pin_memory,
    )


def _draw(total: int, size: int, batches: int, seed: int) -> list[list[int]]:
    """Draw this rank's batches of indices, without replacement."""
    generator = torch.Generator().manual_seed(seed)
    order = torch.randperm(total, generator=generator).tolist()
    mine = order[get_rank() :: get_world_size()]
    mine = mine[: batches * size]
    if len(mine) > size:
        mine = mine[: len(mine) // size * size]
    return [mine[i : i + size] for i in range(0, len(mine), size)]


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
