"""The plan of a config: what its run is going to do, without a runner."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Optional, Union

from mmengine.config import Config

from ..averaging.arguments import check_count
from ..averaging.switch_plan import RunLength, SwitchPlan
from ..hooks.switch_ema_hook import SwitchEMAHook
from ..hooks.switch_target_hook import SwitchTargetHook
from .hooks import ConfigHooks
from .run_length import is_epoch_based, length_of_config

__all__ = ['ConfigPlan', 'plan_of_config', 'plan_of_hooks']


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

        None for SwitchTargetHook: only the model knows its momentum.
        """
        if isinstance(self.hook, SwitchTargetHook):
            return None
        return self.hook.options.window

    @property
    def warning(self) -> Optional[str]:
        """str: The warning of SwitchEMAHook before the run, if any."""
        hook = self.hook
        if isinstance(hook, SwitchTargetHook):
            return None
        return self.switches.warning(hook.options)


def plan_of_config(cfg: Config, length: int, num_gpus: int = 1) -> ConfigPlan:
    """Compute what the run of a config is going to do.

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
    check_count('length', length, 1)
    return plan_of_hooks(ConfigHooks(cfg), lambda: length, num_gpus)


def plan_of_hooks(
    hooks: ConfigHooks, images: Callable[[], int], num_gpus: int
) -> ConfigPlan:
    """Compute the plan of a config whose hooks are classified already.

    Args:
        hooks (ConfigHooks): The hooks of the config.
        images (callable): Counts the training images; called only where the
            training has epochs.
        num_gpus (int): Processes that share them.

    Returns:
        ConfigPlan: As for :func:`plan_of_config`, like the errors.
    """
    hook = hooks.build_ours()
    length = images() if is_epoch_based(hooks.cfg) else 1
    run = length_of_config(hooks.cfg, length, num_gpus)
    switches = SwitchPlan.of_length(
        run,
        hook.schedule,
        hook.by_epoch,
        getattr(hook, 'begin_epoch', 0),
        getattr(hook, 'begin_iter', 0),
    )
    return ConfigPlan(hook, run, switches)
