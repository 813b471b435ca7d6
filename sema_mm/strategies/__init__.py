"""Strategies of FlexibleRunner for sharded models."""

from .deepspeed import DeepSpeedStrategy
from .fsdp import FSDP2Strategy, FSDPStrategy

__all__ = ['DeepSpeedStrategy', 'FSDP2Strategy', 'FSDPStrategy']
