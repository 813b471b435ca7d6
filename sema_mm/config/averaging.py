"""Replace the averaging of any config: what ``--averaging`` does."""

import functools
from collections.abc import Callable
from typing import Optional

from mmengine.config import Config

from ..averaging.averaging_options import AveragingOptions
from ..averaging.switch_plan import fits, fitting_momentum
from .hooks import ConfigHooks
from .momentum_network import refuse_target_hook
from .plan import ConfigPlan, plan_of_hooks
from .replaced_hook import carry_over, drop
from .run_length import count_images, is_epoch_based

__all__ = ['METHODS', 'change_averaging']

#: What ``averaging`` may be.
METHODS = ('keep', 'none', 'ema', 'sema')


def change_averaging(
    cfg: Config,
    averaging: str,
    momentum: Optional[float] = None,
    switch_interval: Optional[int] = None,
    images: Optional[Callable[[], int]] = None,
    num_gpus: int = 1,
) -> list[str]:
    """Replace the averaging hooks of a config; all other hooks stay.

    Args:
        cfg (Config): The config, changed in place.
        averaging (str): 'none', 'ema' or 'sema'; 'keep' changes nothing.
        momentum (float, optional): Weight of the new value. Defaults to that
            of the config, or 0.001; with 'sema', one whose window
            is longer than a third of the optimizer steps between two
            switches is replaced by the next that fits.
        switch_interval (int, optional): With 'sema', epochs between two
            switches, or iterations where the training has no epochs.
            Defaults to that of the config, or to 1 epoch.
        images (callable, optional): Counts the training images; called only
            if the momentum depends on it. Defaults to building the data set.
        num_gpus (int): Processes that share them. Defaults to 1.

    Returns:
        list[str]: What was decided, and why, a sentence each.

    Raises:
        ValueError: If an argument has no effect or does not fit the config,
            or if the model of the config averages itself.
    """
    check_arguments(averaging, momentum, switch_interval)
    if averaging == 'keep':
        return []
    hooks = ConfigHooks(cfg)
    refuse_target_hook(hooks, averaging)
    index, replaced = hooks.take_out_average()
    if averaging == 'none':
        return []
    hook, notes = carry_over(replaced, cfg.get('default_scope'))
    set_schedule(hook, averaging, switch_interval, is_epoch_based(cfg))
    source = 'that of the config' if 'momentum' in hook else 'the default'
    hook.setdefault('momentum', AveragingOptions.momentum)
    if momentum is not None:
        hook['momentum'] = momentum
    hooks.insert(index, hook)
    if averaging == 'sema' and momentum is None:
        images = images or functools.partial(count_images, cfg)
        plan = plan_of_hooks(hooks, images, num_gpus)
        notes.append(fit_momentum(hook, plan, source))
    return notes


def check_arguments(
    averaging: str, momentum: Optional[float], switch_interval: Optional[int]
) -> None:
    """Refuse arguments that would have no effect.

    Raises:
        ValueError: If there is one, or ``averaging`` is unknown.
    """
    if averaging not in METHODS:
        raise ValueError(
            f'averaging must be one of {", ".join(METHODS)}; got {averaging!r}'
        )
    if momentum is not None and averaging in ('keep', 'none'):
        raise ValueError(
            f'--momentum {momentum:g} has no effect with --averaging '
            f'{averaging}: write --averaging ema or sema'
        )
    if switch_interval is not None and averaging != 'sema':
        raise ValueError(
            f'--switch-interval {switch_interval} has no effect with '
            f'--averaging {averaging}: write --averaging sema'
        )


def set_schedule(
    hook: dict, averaging: str, interval: Optional[int], by_epoch: bool
) -> None:
    """Write into our hook when it switches.

    Args:
        hook (dict): The hook, changed in place; a schedule in it is kept if
            it counts in the same unit.
        averaging (str): 'ema' or 'sema'.
        interval (int, optional): Epochs or iterations between two switches.
        by_epoch (bool): Whether the training counts epochs.

    Raises:
        ValueError: If it counts iterations and there is no interval.
    """
    if averaging == 'sema' and interval is None:
        if 'switch_interval' in hook:
            return
        if not by_epoch:
            raise ValueError(
                '--averaging sema needs --switch-interval N, in iterations, '
                'as the training of this config has no epochs'
            )
        interval = 1
    if interval is None or hook.get('by_epoch', True) != by_epoch:
        drop(hook, 'by_epoch', 'switch_begin', 'switch_end')
    if interval is not None and not by_epoch:
        hook['by_epoch'] = False
    hook['switch_interval'] = interval


def fit_momentum(hook: dict, plan: ConfigPlan, source: str) -> str:
    """Give our hook a momentum whose window fits between two switches.

    Args:
        hook (dict): The hook, changed in place if its momentum does not fit.
        plan (ConfigPlan): The plan of the config with this hook.
        source (str): Where the momentum comes from.

    Returns:
        str: What was chosen, and why.
    """
    own = hook['momentum']
    updates = plan.steps / plan.hook.options.steps_per_momentum
    third = (
        f'a third of the {plan.steps:g} optimizer steps between two switches'
    )
    if fits(own, updates):
        return f'momentum={own:g}, {source}: its window is at most {third}'
    hook['momentum'] = fitting_momentum(updates)
    return (
        f'momentum={hook["momentum"]:g}, as the window of {own:g}, {source}, '
        f'is {plan.window:g} optimizer steps, more than {third}'
    )
