"""Asks the schedule when, and tells the average what to do."""

from .. import mmengine_patches
from .evaluation import FirstValidationHook
from .preemption_hook import PreemptionHook
from .safe_checkpoint_hook import SafeCheckpointHook
from .switch_ema_hook import SwitchEMAHook
from .switch_target_hook import SwitchTargetHook

__all__ = [
    'FirstValidationHook',
    'PreemptionHook',
    'SafeCheckpointHook',
    'SwitchEMAHook',
    'SwitchTargetHook',
]

mmengine_patches.install()
