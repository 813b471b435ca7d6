"""The translation of another averaging hook into ours."""

import inspect
from collections.abc import Mapping
from typing import Optional

from mmengine.config import ConfigDict
from mmengine.hooks import EMAHook
from mmengine.registry import MODELS

from ..hooks.switch_ema_hook import SwitchEMAHook
from .hooks import ConfigHook, find_class

__all__ = ['carry_over', 'drop']

#: Arguments of other averaging hooks that mean the same in ours.
CARRIED = (
    'momentum',
    'gamma',
    'interval',
    'device',
    'update_buffers',
    'begin_iter',
    'begin_epoch',
    'evaluate_on_ema',
    'evaluate_on_origin',
    'strict_load',
    'priority',
)

#: Our warm-ups of the momentum, by the averages that have them elsewhere.
WARMUPS = {'ExpMomentumEMA': 'exp_momentum', 'MomentumAnnealingEMA': 'anneal'}


def carry_over(
    replaced: Optional[ConfigHook], scope: Optional[str]
) -> tuple[ConfigDict, list[str]]:
    """Make our hook do what another one did, as far as it can.

    Args:
        replaced (ConfigHook, optional): The other.
        scope (str, optional): The default scope of the config.

    Returns:
        tuple[ConfigDict, list[str]]: Our hook, with a momentum and a
        ``switch_interval`` where the other had them; a sentence about what
        is lost, if anything.
    """
    hook = ConfigDict(type='sema_mm.SwitchEMAHook')
    if replaced is None:
        return hook, []
    kind = replaced.cls or object
    arguments = {}
    if isinstance(replaced.config, Mapping):
        arguments = dict(replaced.config)
    name = arguments.pop('type', kind)
    if not isinstance(name, str):
        name = f'{kind.__module__}.{kind.__name__}'
    drop(arguments, '_scope_')
    if issubclass(kind, SwitchEMAHook):
        hook = ConfigDict(dict(type=name, switch_interval=1) | arguments)
        if hook.switch_interval is None:
            drop(hook, 'switch_interval', 'by_epoch')
        return hook, []
    if issubclass(kind, EMAHook):
        hook.update(read_average(arguments, scope))
        same = [key for key in CARRIED if key in arguments]
        hook.update({key: arguments.pop(key) for key in same})
    lost = ', '.join(f'{key}={value!r}' for key, value in arguments.items())
    return hook, [f'{name} had {lost}, which is not kept'] if lost else []


def read_average(arguments: dict, scope: Optional[str]) -> dict:
    """Read the momentum and the warm-up of an EMAHook's averaged model.

    Args:
        arguments (dict): The hook's arguments; ``ema_type`` is taken out if
            our hook has the same average.
        scope (str, optional): The default scope of the config.

    Returns:
        dict: The default momentum and the warm-up, as arguments of ours.
    """
    kind = arguments.get('ema_type', 'ExponentialMovingAverage')
    found = find_class(MODELS, kind, scope) or object
    parameters = inspect.signature(found).parameters
    name = found.__name__
    read = {}
    if 'momentum' in parameters:
        read['momentum'] = parameters['momentum'].default
    if name in WARMUPS:
        gamma = parameters['gamma'].default
        read.update(warmup=WARMUPS[name], gamma=gamma)
    if name in ('ExponentialMovingAverage', *WARMUPS):
        drop(arguments, 'ema_type')
    return read


def drop(arguments: dict, *names: str) -> None:
    """Take arguments out, if they are there."""
    for name in names:
        arguments.pop(name, None)
