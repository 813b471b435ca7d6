"""Reads an averaging hook of any kind, in the words of ours."""

import inspect
from collections.abc import Mapping
from typing import Any, Optional

from mmengine.config import ConfigDict
from mmengine.hooks import EMAHook
from mmengine.registry import MODELS

from .. import SwitchEMAHook
from .hooks import class_of, hook_class

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


def carry_over(replaced: Optional[Any]) -> tuple[ConfigDict, list[str]]:
    """Makes the hook that does what another one did, as far as ours can.

    Args:
        replaced (dict or Hook, optional): The other.

    Returns:
        tuple[ConfigDict, list[str]]: Our hook, with a momentum and a
        ``switch_interval`` where the other had them; a sentence about what
        is lost.
    """
    hook = ConfigDict(type='sema_mm.SwitchEMAHook')
    if replaced is None:
        return hook, []
    kind = hook_class(replaced) or object
    arguments = dict(replaced) if isinstance(replaced, Mapping) else {}
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
        hook.update(read_average(arguments))
        same = [key for key in CARRIED if key in arguments]
        hook.update({key: arguments.pop(key) for key in same})
    lost = ', '.join(f'{key}={value!r}' for key, value in arguments.items())
    return hook, [f'{name} had {lost}, which is not kept'] if lost else []


def read_average(arguments: dict) -> dict:
    """Reads the kind of average that an EMAHook has.

    Args:
        arguments (dict): The hook's arguments; ``ema_type`` is taken out if
            our hook has the same average.

    Returns:
        dict: Its momentum by default, and its warm-up, in our words.
    """
    kind = arguments.get('ema_type', 'ExponentialMovingAverage')
    found = class_of(MODELS, kind) or object
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
    """Takes arguments out, if they are there.

    Args:
        arguments (dict): The arguments, changed in place.
        *names (str): Which.
    """
    for name in names:
        arguments.pop(name, None)
