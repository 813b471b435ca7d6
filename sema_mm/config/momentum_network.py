"""Averages that models keep of themselves: ``--averaging`` leaves them."""

from typing import Any

from mmengine.config import Config
from mmengine.registry import DefaultScope
from torch import nn

from .. import SwitchTargetHook
from ..hooks.target_network import averages_in
from .hooks import averages, averaging_hooks, hook_class


def replaceable(hook: Any) -> bool:
    """Tells whether a hook makes the average, and not the model.

    Call it in the config's default scope.

    Args:
        hook (dict or Hook): A hook, or the config of one.

    Returns:
        bool: Whether it averages; False for SwitchTargetHook.
    """
    kind = hook_class(hook) or object
    return averages(hook) and not issubclass(kind, SwitchTargetHook)


def refuse_target(cfg: Config, averaging: str) -> None:
    """Refuses to replace the average that a model keeps of itself.

    Args:
        cfg (Config): The config.
        averaging (str): What the command line says.

    Raises:
        ValueError: If the config switches such an average.
    """
    with DefaultScope.overwrite_default_scope(cfg.get('default_scope')):
        kinds = [hook_class(h) or object for h in averaging_hooks(cfg)]
    if any(issubclass(kind, SwitchTargetHook) for kind in kinds):
        raise ValueError(
            f'--averaging {averaging} does not know SwitchTargetHook, which '
            'switches or evaluates the average that the model keeps of '
            'itself: leave --averaging out, and change that hook, or take a '
            'sibling of the config'
        )


def refuse_second(model: Any, averaging: str) -> None:
    """Refuses to average a model that averages itself.

    FlexibleRunner builds its model in the training: of a config there is
    nothing to say here, and SwitchEMAHook warns later.

    Args:
        model (nn.Module or dict): The model, or the config of one.
        averaging (str): What the command line says.

    Raises:
        ValueError: If it has an average, and would get another one.
    """
    if averaging not in ('ema', 'sema') or not isinstance(model, nn.Module):
        return
    own = averages_in(model)
    if own:
        interval = None if averaging == 'ema' else 'N'
        raise ValueError(
            f'--averaging {averaging} would make a second average of a model '
            f"that averages itself, as '{own[0]}': write dict(type="
            f"'sema_mm.SwitchTargetHook', switch_interval={interval}, "
            'evaluate_on_target=True) into custom_hooks instead'
        )
