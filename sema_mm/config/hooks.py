"""The hooks of a config, before anything is built."""

import contextlib
import enum
import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, Optional, Union

from mmengine.config import Config
from mmengine.hooks import CheckpointHook, EMAHook, Hook
from mmengine.registry import HOOKS, DefaultScope, Registry
from mmengine.runner import get_priority

from ..hooks.switch_ema_hook import SwitchEMAHook
from ..hooks.switch_target_hook import SwitchTargetHook

__all__ = [
    'ConfigHook',
    'ConfigHooks',
    'HookRole',
    'config_scope',
    'find_class',
]

#: Ends of the names of hooks that average, in libraries not installed here.
_AVERAGING_NAMES = ('EMAHook', 'SWAHook', 'ExponentialMovingAverageHook')


class HookRole(enum.Enum):
    """What a hook has to do with averaging, subclasses included."""

    SWITCH_EMA = 'SwitchEMAHook'
    SWITCH_TARGET = 'SwitchTargetHook'
    OTHER_AVERAGE = "another library's averaging hook"
    CHECKPOINT = 'checkpoint hook'
    REST = 'none of these'


_OURS = (HookRole.SWITCH_TARGET, HookRole.SWITCH_EMA)
#: SwitchTargetHook is not replaceable: the model itself averages.
_REPLACEABLE = (HookRole.SWITCH_EMA, HookRole.OTHER_AVERAGE)


@dataclass(frozen=True, eq=False)
class ConfigHook:
    """One hook of a config.

    Args:
        config (dict or Hook): The hook's config, or the hook itself.
        cls (type, optional): Its class; None if no installed library has it.
        role (HookRole): What it has to do with averaging.
    """

    config: Any
    cls: Optional[type]
    role: HookRole

    @classmethod
    def classify(cls, hook: Any, scope: Optional[str]) -> 'ConfigHook':
        """Look up the class of a hook in a default scope."""
        kind: Optional[type] = type(hook)
        if isinstance(hook, Mapping):
            scope = hook.get('_scope_') or scope
            kind = find_class(HOOKS, hook.get('type'), scope)
        return cls(hook, kind, _role(kind or object, _class_name(hook)))

    @property
    def name(self) -> str:
        """str: The name of its class, without the library."""
        return _class_name(self.config)

    def build(self) -> Hook:
        """Build the hook as a runner does, with its priority."""
        if not isinstance(self.config, Mapping):
            return self.config
        arguments = dict(self.config)
        priority = arguments.pop('priority', None)
        built = HOOKS.build(arguments)
        if priority is not None:
            built.priority = priority
        return built


class ConfigHooks:
    """The hooks of a config, each looked up and classified once.

    Args:
        cfg (Config): The config, whose hooks change with these.

    Attributes:
        default (dict[str, ConfigHook]): The default hooks by name; those of
            mmengine left out, but for its checkpoint hook.
        custom (list[ConfigHook]): The custom hooks.
    """

    def __init__(self, cfg: Config) -> None:
        self.cfg = cfg
        default = {
            'checkpoint': dict(type='CheckpointHook'),
            **(cfg.get('default_hooks') or {}),
        }
        custom = cfg.get('custom_hooks') or []
        if isinstance(custom, Mapping):
            custom = [custom]
        scope = cfg.get('default_scope')
        self.default = {
            name: ConfigHook.classify(hook, scope)
            for name, hook in default.items()
            if hook is not None
        }
        self.custom = [ConfigHook.classify(hook, scope) for hook in custom]

    def of_role(self, *roles: HookRole) -> list[ConfigHook]:
        """List the hooks of some roles, default hooks first."""
        hooks = [*self.default.values(), *self.custom]
        return [hook for hook in hooks if hook.role in roles]

    @property
    def ours(self) -> list[ConfigHook]:
        """list[ConfigHook]: The hooks of this package that switch."""
        return self.of_role(*_OURS)

    @property
    def averaging(self) -> list[ConfigHook]:
        """list[ConfigHook]: The hooks that average the model's weights."""
        return self.of_role(*_OURS, HookRole.OTHER_AVERAGE)

    def take_out_average(self) -> tuple[int, Optional[ConfigHook]]:
        """Take the averaging hooks out of the config; all others stay.

        So does SwitchTargetHook, whose average is a part of the model.

        Returns:
            tuple[int, ConfigHook]: The index in ``custom_hooks`` for another
            one; the first hook that was taken out, or None.
        """
        kept = [h for h in self.custom if h.role not in _REPLACEABLE]
        taken = [h for h in self.custom if h.role in _REPLACEABLE]
        index = self.custom.index(taken[0]) if taken else len(kept)
        for name, hook in list(self.default.items()):
            if hook.role in _REPLACEABLE:
                taken.append(self.default.pop(name))
                del self.cfg.default_hooks[name]
        self.custom = kept
        self.cfg.custom_hooks = [hook.config for hook in kept]
        return index, taken[0] if taken else None

    def insert(self, index: int, hook: dict) -> None:
        """Insert a hook into ``custom_hooks``."""
        scope = self.cfg.get('default_scope')
        self.custom.insert(index, ConfigHook.classify(hook, scope))
        self.cfg.custom_hooks.insert(index, hook)

    def build_ours(self) -> Union[SwitchEMAHook, SwitchTargetHook]:
        """Build our hook, and check it against the others that matter.

        Returns:
            SwitchEMAHook or SwitchTargetHook: The hook.

        Raises:
            TypeError: If one of its arguments has the wrong type.
            ValueError: If there is none, or a run would refuse it.
        """
        roles = {*HookRole} - {HookRole.REST}
        with config_scope(self.cfg):
            hooks = [hook.build() for hook in self.of_role(*roles)]
        kinds = (SwitchTargetHook, SwitchEMAHook)
        ours = [h for kind in kinds for h in hooks if isinstance(h, kind)]
        if not ours:
            raise ValueError(
                'the config has neither SwitchEMAHook nor SwitchTargetHook'
            )
        hooks.sort(key=lambda hook: get_priority(hook.priority))
        runner = SimpleNamespace(hooks=hooks)
        ours[0].check_conflicts(runner)
        return ours[0]


def config_scope(cfg: Config) -> contextlib.AbstractContextManager:
    """Make the default scope of a config the current one."""
    return DefaultScope.overwrite_default_scope(cfg.get('default_scope'))


def find_class(
    registry: Registry, kind: Any, scope: Optional[str]
) -> Optional[type]:
    """Find the class that a config means by a type.

    Args:
        registry (Registry): Where mmengine looks for it.
        kind (str or type): The type, maybe the class itself.
        scope (str, optional): The scope to look in; None for the current
            default scope.

    Returns:
        type, optional: The class; None if no installed library has it.
    """
    if isinstance(kind, str):
        with registry.switch_scope_and_registry(scope) as searched:
            kind = searched.get(kind)
    return kind if inspect.isclass(kind) else None


def _role(kind: type, name: str) -> HookRole:
    if issubclass(kind, SwitchTargetHook):
        return HookRole.SWITCH_TARGET
    if issubclass(kind, SwitchEMAHook):
        return HookRole.SWITCH_EMA
    if issubclass(kind, EMAHook) or name.endswith(_AVERAGING_NAMES):
        return HookRole.OTHER_AVERAGE
    if issubclass(kind, CheckpointHook):
        return HookRole.CHECKPOINT
    return HookRole.REST


def _class_name(hook: Any) -> str:
    kind = hook.get('type') if isinstance(hook, Mapping) else type(hook)
    return getattr(kind, '__name__', str(kind)).rpartition('.')[2]
