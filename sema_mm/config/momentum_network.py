"""Models that average themselves, which ``--averaging`` does not change."""

from typing import Any

from torch import nn

from ..hooks.target_network import averages_in
from .hooks import ConfigHooks, HookRole

__all__ = ['refuse_second_average', 'refuse_target_hook']


def refuse_target_hook(hooks: ConfigHooks, averaging: str) -> None:
    """Refuse to replace the average that a model keeps of itself.

    Raises:
        ValueError: If the config has a SwitchTargetHook.
    """
    if hooks.of_role(HookRole.SWITCH_TARGET):
        raise ValueError(
            f'--averaging {averaging} does not know SwitchTargetHook, which '
            'switches or evaluates the average that the model keeps of '
            'itself: leave --averaging out, and change that hook, or take a '
            'sibling of the config'
        )


def refuse_second_average(model: Any, averaging: str) -> None:
    """Refuse to average a model that averages itself.

    Args:
        model (nn.Module or dict): The model. FlexibleRunner has only its
            config before the training, which passes: SwitchEMAHook warns
            later.
        averaging (str): What the command line says.

    Raises:
        ValueError: If the model has an average, and would get another one.
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
