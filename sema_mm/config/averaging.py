"""Replaces the averaging of any config: what ``--averaging`` does."""

import argparse
import copy
import os
from collections.abc import Callable
from typing import Any, Optional

from mmengine.config import Config
from mmengine.registry import DATASETS, DefaultScope

from ..averaging.averaging_options import AveragingOptions
from ..averaging.switch_plan import fits, fitting_momentum
from ..checkpointing.random_state import preserve_random_state
from ..cli.distributed import NUMBERS
from .hooks import custom_hooks
from .momentum_network import refuse_target, replaceable
from .plan import is_epoch_based, plan_of_config
from .replaced_hook import carry_over, drop


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments about averaging.

    Args:
        parser (argparse.ArgumentParser): The parser of a tool.
    """
    parser.add_argument(
        '--averaging',
        choices=['keep', 'none', 'ema', 'sema'],
        default='keep',
        help='replace the averaging hooks of the config by none, by plain '
        'EMA, or by Switch EMA; all other hooks stay (default: keep them)',
    )
    parser.add_argument(
        '--momentum',
        type=float,
        metavar='M',
        help='weight of the new value, 0.001 for a decay of 0.999 (default: '
        f'that of the config, or {AveragingOptions.momentum}; with sema, the '
        'next one whose window is a third of the steps between two switches)',
    )
    parser.add_argument(
        '--switch-interval',
        type=int,
        metavar='N',
        help='with sema, switch every so many epochs (default: 1), or '
        'iterations where the config counts them (no default)',
    )


def change_averaging(
    cfg: Config,
    args: argparse.Namespace,
    images: Callable[[], int],
    num_gpus: int,
) -> list[str]:
    """Does what the command line says about averaging.

    Args:
        cfg (Config): The config, changed in place.
        args (argparse.Namespace): The command line.
        images (callable): Counts the training images, if that is needed.
        num_gpus (int): Processes that share them.

    Returns:
        list[str]: What was decided, and why, a sentence each.
    """
    check_arguments(args)
    if args.averaging == 'keep':
        return []
    refuse_target(cfg, args.averaging)
    place, replaced = take_out(cfg)
    if args.averaging == 'none':
        return []
    with DefaultScope.overwrite_default_scope(cfg.get('default_scope')):
        hook, notes = carry_over(replaced)
    set_schedule(hook, args, is_epoch_based(cfg))
    source = 'that of the config' if 'momentum' in hook else 'the default'
    hook.setdefault('momentum', AveragingOptions.momentum)
    if args.momentum is not None:
        hook['momentum'] = args.momentum
    cfg.custom_hooks.insert(place, hook)
    if args.averaging == 'sema' and args.momentum is None:
        notes.append(fit_momentum(cfg, hook, source, images, num_gpus))
    return notes


def check_arguments(args: argparse.Namespace) -> None:
    """Refuses arguments that would have no effect.

    Args:
        args (argparse.Namespace): The command line.

    Raises:
        ValueError: If there is one.
    """
    if args.momentum is not None and args.averaging in ('keep', 'none'):
        raise ValueError(
            f'--momentum {args.momentum:g} has no effect with --averaging '
            f'{args.averaging}: write --averaging ema or sema'
        )
    if args.switch_interval is not None and args.averaging != 'sema':
        raise ValueError(
            f'--switch-interval {args.switch_interval} has no effect with '
            f'--averaging {args.averaging}: write --averaging sema'
        )


def take_out(cfg: Config) -> tuple[int, Optional[Any]]:
    """Takes the averaging hooks out of a config; all others stay.

    So does SwitchTargetHook, whose average is a part of the model.

    Args:
        cfg (Config): The config, changed in place.

    Returns:
        tuple[int, Any]: The place in ``custom_hooks`` for another one; the
        first hook that was taken out, or None.
    """
    hooks = custom_hooks(cfg)
    default = cfg.get('default_hooks') or {}
    with DefaultScope.overwrite_default_scope(cfg.get('default_scope')):
        names = [name for name, h in default.items() if h and replaceable(h)]
        found = [n for n, hook in enumerate(hooks) if replaceable(hook)]
    taken = [hooks[n] for n in found] + [default.pop(n) for n in names]
    cfg.custom_hooks = [h for n, h in enumerate(hooks) if n not in found]
    place = found[0] if found else len(hooks)
    return place, taken[0] if taken else None


def set_schedule(hook: dict, args: argparse.Namespace, by_epoch: bool) -> None:
    """Writes into our hook when it switches.

    Args:
        hook (dict): The hook, changed in place; a schedule in it is kept if
            it counts in the same unit.
        args (argparse.Namespace): The command line.
        by_epoch (bool): Whether the training counts epochs.

    Raises:
        ValueError: If it counts iterations and nobody said how many.
    """
    interval = args.switch_interval
    if args.averaging == 'sema' and interval is None:
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


def fit_momentum(
    cfg: Config,
    hook: dict,
    source: str,
    images: Callable[[], int],
    num_gpus: int,
) -> str:
    """Gives our hook a momentum whose window fits between two switches.

    Args:
        cfg (Config): The config with the hook.
        hook (dict): The hook, changed in place if its momentum does not fit.
        source (str): Where its momentum comes from.
        images (callable): Counts the training images.
        num_gpus (int): Processes that share them.

    Returns:
        str: What was chosen, and why.
    """
    by_epoch = is_epoch_based(cfg)
    plan = plan_of_config(cfg, images() if by_epoch else 1, num_gpus)
    own, updates = (
        hook['momentum'],
        plan.steps / plan.hook.options.steps_per_momentum,
    )
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


def count_images(cfg: Config) -> int:
    """Builds the training data of a config, and counts it.

    Args:
        cfg (Config): The config.

    Returns:
        int: The number of training images.

    Raises:
        ValueError: If that is not possible.
    """
    scope = cfg.get('default_scope')
    try:
        with DefaultScope.overwrite_default_scope(scope):
            with preserve_random_state():
                data = copy.deepcopy(cfg.train_dataloader.dataset)
                return len(DATASETS.build(data))
    except Exception as error:  # Data sets raise whatever they like.
        raise ValueError(
            'the training images cannot be counted '
            f'({type(error).__name__}: {error})'
        ) from error


def processes_of(launcher: str) -> tuple[int, int]:
    """Reads what a launcher says before the processes have met.

    Args:
        launcher (str): What started this process.

    Returns:
        tuple[int, int]: Its number, from 0; the number of processes.
    """
    rank, size, _ = NUMBERS.get(launcher, ('', '', ''))
    return int(os.environ.get(rank, 0)), int(os.environ.get(size, 1))
