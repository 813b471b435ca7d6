"""The hooks of a config, before anything is built."""

import inspect
from collections.abc import Iterator, Mapping
from typing import Any, Optional

from mmengine.hooks import EMAHook
from mmengine.registry import HOOKS, DefaultScope

from ..hooks.switch_ema_hook import SwitchEMAHook
from ..hooks.switch_target_hook import SwitchTargetHook

__all__ = [
    'all_hooks',
    'averages',
    'averaging_hooks',
    'class_of',
    'custom_hooks',
    'has_switch_ema',
    'hook_class',
    'hook_name',
]

#: Ends of the names of hooks that average, in libraries not installed here.
_AVERAGING_NAMES = ('EMAHook', 'SWAHook', 'ExponentialMovingAverageHook')


def all_hooks(cfg: Any) -> Iterator[Any]:
    """Go through the hooks of a config that matter for averaging.

    Args:
        cfg (Config): The config.

    Yields:
        dict or Hook: The default hooks, those of mmengine left out but for
        its checkpoint hook; then the custom hooks.
    """
    default = {
        'checkpoint': dict(type='CheckpointHook'),
        **(cfg.get('default_hooks') or {}),
    }
    yield from (hook for hook in default.values() if hook is not None)
    yield from custom_hooks(cfg)


def custom_hooks(cfg: Any) -> list:
    """List the custom hooks of a config.

    Args:
        cfg (Config): The config.

    Returns:
        list: Them; a single one may stand without a list.
    """
    hooks = cfg.get('custom_hooks') or []
    return [hooks] if isinstance(hooks, Mapping) else list(hooks)


def averaging_hooks(cfg: Any) -> list:
    """List the hooks of a config that average the model's weights.

    Args:
        cfg (Config): The config.

    Returns:
        list: Them, default hooks first.
    """
    with DefaultScope.overwrite_default_scope(cfg.get('default_scope')):
        return [hook for hook in all_hooks(cfg) if averages(hook)]


def has_switch_ema(cfg: Any) -> bool:
    """Tell whether a config has one of our hooks that switch.

    Args:
        cfg (Config): The config.

    Returns:
        bool: Whether it has, or one that inherits from it.
    """
    with DefaultScope.overwrite_default_scope(cfg.get('default_scope')):
        kinds = [hook_class(hook) or object for hook in all_hooks(cfg)]
    ours = (SwitchEMAHook, SwitchTargetHook)
    return any(issubclass(kind, ours) for kind in kinds)


def averages(hook: Any) -> bool:
    """Tell whether a hook of a config averages the model's weights.

    Call it, and :func:`hook_class`, in the config's default scope.

    Args:
        hook (dict or Hook): A hook, or the config of one.

    Returns:
        bool: Whether it does.
    """
    kind = hook_class(hook)
    ours = (EMAHook, SwitchEMAHook, SwitchTargetHook)
    if kind is not None and issubclass(kind, ours):
        return True
    return hook_name(hook).endswith(_AVERAGING_NAMES)


def hook_class(hook: Any) -> Optional[type]:
    """Find the class of a hook.

    Args:
        hook (dict or Hook): A hook, or the config of one.

    Returns:
        type, optional: Its class; None if no installed library has it.
    """
    if not isinstance(hook, Mapping):
        return type(hook)
    return class_of(HOOKS, hook.get('type'), hook.get('_scope_'))


def class_of(
    registry: Any, kind: Any, scope: Optional[str] = None
) -> Optional[type]:
    """Find the class that a config means by a type.

    Args:
        registry (Registry): Where mmengine looks for it.
        kind (str or type): The type, maybe the class itself.
        scope (str, optional): The library in whose name it is meant.
            Defaults to the current default scope.

    Returns:
        type, optional: The class; None if no installed library has it.
    """
    if isinstance(kind, str):
        with registry.switch_scope_and_registry(scope) as searched:
            kind = searched.get(kind)
    return kind if inspect.isclass(kind) else None


def hook_name(hook: Any) -> str:
    """Tell the name of the class of a hook.

    Args:
        hook (dict or Hook): A hook, or the config of one.

    Returns:
        str: The name, without its library.
    """
    kind = hook.get('type') if isinstance(hook, Mapping) else type(hook)
    return getattr(kind, '__name__', str(kind)).rpartition('.')[2]
