"""What is averaged, by how much, and when it is switched."""

from .averaging_options import AveragingOptions
from .momentum import MomentumSchedule
from .switch_ema import SwitchEMA
from .switch_schedule import SwitchSchedule

__all__ = [
    'AveragingOptions',
    'MomentumSchedule',
    'SwitchEMA',
    'SwitchSchedule',
]
