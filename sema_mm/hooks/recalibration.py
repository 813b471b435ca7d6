"""BatchNorm statistics of the average, from the runner's training data."""

import random
from typing import Any

import numpy as np
import torch
from mmengine.dist import all_reduce, get_rank, get_world_size
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset

from ..averaging.batch_norm import estimate_statistics
from ..checkpointing.random_state import preserve_random_state
from ..sharding import Backend

__all__ = ['recalibrated_statistics']


def recalibrated_statistics(
    runner: Any, backend: Backend, batches: int, seed: int
) -> dict[str, Tensor]:
    """Estimate BatchNorm statistics for the weights in the runner's model.

    The batches are drawn at random from the training data, apart from the
    training's own order; neither that order nor any random number generator
    is touched. Call it on every rank: each reads its own batches, and the
    estimates are averaged over the ranks.

    Args:
        runner (Runner): The runner, in training.
        backend (Backend): The backend of its model.
        batches (int): Number of training batches to read on each rank.
        seed (int): Decides which samples are drawn, and their
            augmentation.

    Returns:
        Dict[str, Tensor]: Bare buffer names to new tensors.
    """
    model: Any = backend.module
    # Shards are made whole by the wrapper; that of DDP would also tie the
    # ranks together, which read different numbers of batches.
    caller: Any = backend.outer if backend.sharded else model

    def forward(batch: Any) -> None:
        data = model.data_preprocessor(batch, True)
        caller._run_forward(data, mode='loss')

    with preserve_random_state():
        random.seed(seed)
        np.random.seed(seed % 2**32)
        torch.manual_seed(seed)
        loader = _loader(runner.train_dataloader, batches, seed)
        statistics = estimate_statistics(model, loader, forward)
    for tensor in statistics.values():
        all_reduce(tensor, op='mean')
    return statistics


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
