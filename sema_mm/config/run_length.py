"""The length of the run that a config describes."""

import copy
import math
from collections.abc import Mapping
from typing import Any

from mmengine.config import Config
from mmengine.registry import DATASETS, LOOPS
from mmengine.runner import IterBasedTrainLoop, Runner

from ..averaging.arguments import check_count
from ..averaging.switch_plan import RunLength
from ..checkpointing.random_state import preserve_random_state
from .hooks import config_scope, find_class

__all__ = ['count_images', 'is_epoch_based', 'length_of_config']


def length_of_config(cfg: Config, length: int, num_gpus: int = 1) -> RunLength:
    """Compute how long the run of a config is.

    Args:
        cfg (Config): The config, with all its bases.
        length (int): Number of training images.
        num_gpus (int): Processes that share them. Defaults to 1.

    Returns:
        RunLength: Its epochs, iterations and accumulation.

    Raises:
        TypeError: If a number is not a whole one.
        ValueError: If a number is below 1, or the config does not say.
    """
    check_count('length', length, 1)
    check_count('num_gpus', num_gpus, 1)
    train_cfg = cfg.get('train_cfg') or {}
    accumulation = _accumulative_counts(cfg.get('optim_wrapper') or {})
    by_epoch = is_epoch_based(cfg)
    unit = 'max_epochs' if by_epoch else 'max_iters'
    if unit not in train_cfg:
        raise ValueError(f'the train_cfg of the config has no {unit}')
    if not by_epoch:
        return RunLength.of_iters(train_cfg['max_iters'], accumulation)
    with config_scope(cfg):
        iters = _iters_per_epoch(cfg.get('train_dataloader'), length, num_gpus)
    return RunLength.of_epochs(train_cfg['max_epochs'], iters, accumulation)


def is_epoch_based(cfg: Config) -> bool:
    """Return whether the training of a config counts epochs.

    Returns:
        bool: Whether its loop is no IterBasedTrainLoop.

    Raises:
        ValueError: If the config does not say.
    """
    train_cfg = cfg.get('train_cfg') or {}
    kind = train_cfg.get('type')
    if kind is None and 'by_epoch' not in train_cfg:
        raise ValueError(
            'the train_cfg of the config has neither type nor by_epoch'
        )
    if kind is None:
        return train_cfg['by_epoch']
    scope = train_cfg.get('_scope_') or cfg.get('default_scope')
    found = find_class(LOOPS, kind, scope)
    if found is None:
        raise ValueError(f'the loop {kind!r} of train_cfg is not registered')
    return not issubclass(found, IterBasedTrainLoop)


def count_images(cfg: Config) -> int:
    """Build the training data of a config, and count it.

    Returns:
        int: The number of training images.

    Raises:
        ValueError: If that is not possible.
    """
    try:
        with config_scope(cfg), preserve_random_state():
            return len(
                DATASETS.build(copy.deepcopy(cfg.train_dataloader.dataset))
            )
    except Exception as error:  # Data sets raise whatever they like.
        raise ValueError(
            'the training images cannot be counted '
            f'({type(error).__name__}: {error})'
        ) from error


def _accumulative_counts(wrapper: Any) -> int:
    """Find the iterations per optimizer step, the least of several."""
    several = [
        _accumulative_counts(inner)
        for inner in wrapper.values()
        if isinstance(inner, Mapping) and 'optimizer' in inner
    ]
    return min(several) if several else wrapper.get('accumulative_counts', 1)


class _Images:
    """A data set of which nothing but the length matters."""

    def __init__(self, length: int) -> None:
        self._length = length

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, index: int) -> Any:
        raise AttributeError('images')


def _iters_per_epoch(loader: Any, length: int, num_gpus: int) -> int:
    """Ask the samplers of a config for the batches of one process."""
    if loader is None:
        raise ValueError('the config has no train_dataloader')
    images = _Images(math.ceil(length / num_gpus))
    arguments = dict(loader, dataset=images, num_workers=0)
    for name in ('persistent_workers', 'prefetch_factor'):
        arguments.pop(name, None)
    with preserve_random_state():
        try:
            return len(Runner.build_dataloader(arguments))
        except AttributeError:
            # A sampler that looks at the images, such as a class-aware one,
            # gives each process as many.
            arguments['sampler'] = dict(type='DefaultSampler')
            return len(Runner.build_dataloader(arguments))
