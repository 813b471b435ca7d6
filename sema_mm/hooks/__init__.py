"""Asks the schedule when, and tells the average what to do."""

from .preemption_hook import PreemptionHook
from .safe_checkpoint_hook import SafeCheckpointHook
from .switch_ema_hook import SwitchEMAHook
from .switch_target_hook import SwitchTargetHook

__all__ = [
    'PreemptionHook',
    'SafeCheckpointHook',
    'SwitchEMAHook',
    'SwitchTargetHook',
]
