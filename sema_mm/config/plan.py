"""The plan of a config: what its run is going to do, without a runner."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, Optional, Union

from mmengine.hooks import CheckpointHook, Hook
from mmengine.registry import HOOKS, LOOPS, DefaultScope
from mmengine.runner import IterBasedTrainLoop, Runner, get_priority

from ..averaging.arguments import check_count
from ..averaging.switch_plan import RunLength, SwitchPlan
from ..checkpointing.random_state import preserve_random_state
from ..hooks.hook_conflicts import check_conflicts
from ..hooks.switch_ema_hook import SwitchEMAHook
from ..hooks.switch_target_hook import SwitchTargetHook
from .hooks import all_hooks, averages, class_of, hook_class

__all__ = [
    'ConfigPlan',
    'is_epoch_based',
    'length_of_config',
    'plan_of_config',
]


@dataclass(frozen=True)
class ConfigPlan:
    """The averaging and the switches of the run that a config describes.

    Args:
        hook (SwitchEMAHook or SwitchTargetHook): The hook of the config.
        length (RunLength): The length of the run.
        switches (SwitchPlan): Its switches.
    """

    hook: Union[SwitchEMAHook, SwitchTargetHook]
    length: RunLength
    switches: SwitchPlan

    @property
    def units(self) -> list[int]:
        """list[int]: Epochs or iterations after which the run switches."""
        return self.switches.units

    @property
    def steps(self) -> float:
        """float: Optimizer steps between two switches, 0 without any."""
        return self.switches.steps

    @property
    def window(self) -> Optional[float]:
        """float: Optimizer steps that the average remembers.

        None where it is the model that averages: only it knows.
        """
        if isinstance(self.hook, SwitchTargetHook):
            return None
        return self.hook.options.window

    @property
    def warning(self) -> Optional[str]:
        """str: What SwitchEMAHook will warn of before the run, if it will."""
        hook = self.hook
        if isinstance(hook, SwitchTargetHook):
            return None
        return self.switches.warning(hook.options)


def plan_of_config(cfg: Any, length: int, num_gpus: int = 1) -> ConfigPlan:
    """Tell what the run of a config is going to do.

    Args:
        cfg (Config): The config, with all its bases.
        length (int): Number of training images: the length of the data set.
        num_gpus (int): Processes that share them, each with the batch size
            of the config. Defaults to 1.

    Returns:
        ConfigPlan: The plan, that of the hook in such a run.

    Raises:
        TypeError: If an argument of the hook has the wrong type.
        ValueError: If the config has neither SwitchEMAHook nor
            SwitchTargetHook, if the hook would refuse the run, or if the
            config does not say how long it is.
    """
    with DefaultScope.overwrite_default_scope(cfg.get('default_scope')):
        hook = _checked_hook(cfg)
    run = length_of_config(cfg, length, num_gpus)
    switches = SwitchPlan.of_length(
        run,
        hook.schedule,
        hook.by_epoch,
        getattr(hook, 'begin_epoch', 0),
        getattr(hook, 'begin_iter', 0),
    )
    return ConfigPlan(hook, run, switches)


def length_of_config(cfg: Any, length: int, num_gpus: int = 1) -> RunLength:
    """Tell how long the run of a config is.

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
    with DefaultScope.overwrite_default_scope(cfg.get('default_scope')):
        iters = _iters_per_epoch(cfg.get('train_dataloader'), length, num_gpus)
    return RunLength.of_epochs(train_cfg['max_epochs'], iters, accumulation)


def is_epoch_based(cfg: Any) -> bool:
    """Tell whether the training of a config has epochs.

    Args:
        cfg (Config): The config.

    Returns:
        bool: Whether its loop is none of mmengine's IterBasedTrainLoop.

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
    with DefaultScope.overwrite_default_scope(cfg.get('default_scope')):
        found = class_of(LOOPS, kind, train_cfg.get('_scope_'))
    if found is None:
        raise ValueError(f'the loop {kind!r} of train_cfg is not registered')
    return not issubclass(found, IterBasedTrainLoop)


def _checked_hook(cfg: Any) -> Union[SwitchEMAHook, SwitchTargetHook]:
    """Build our hook, and check it against the others that matter."""
    hooks = [
        _build(hook)
        for hook in all_hooks(cfg)
        if averages(hook) or _is_checkpoint_hook(hook)
    ]
    kinds = (SwitchTargetHook, SwitchEMAHook)
    ours = [hook for kind in kinds for hook in hooks if isinstance(hook, kind)]
    if not ours:
        raise ValueError(
            'the config has neither SwitchEMAHook nor SwitchTargetHook'
        )
    hooks.sort(key=lambda hook: get_priority(hook.priority))
    runner = SimpleNamespace(hooks=hooks)
    if isinstance(ours[0], SwitchTargetHook):
        ours[0].check_conflicts(runner)
    else:
        check_conflicts(runner, ours[0])
    return ours[0]


def _is_checkpoint_hook(hook: Any) -> bool:
    kind = hook_class(hook)
    return kind is not None and issubclass(kind, CheckpointHook)


def _build(hook: Any) -> Hook:
    """Build a hook as a runner does, with its priority."""
    if not isinstance(hook, Mapping):
        return hook
    arguments = dict(hook)
    priority = arguments.pop('priority', None)
    built = HOOKS.build(arguments)
    if priority is not None:
        built.priority = priority
    return built


def _accumulative_counts(wrapper: Any) -> int:
    """Iterations per optimizer step, the least of several optimizers."""
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
