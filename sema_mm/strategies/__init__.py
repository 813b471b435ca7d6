"""Strategies of FlexibleRunner for sharded models."""

from .fsdp import FSDP2Strategy, FSDPStrategy

__all__ = ['FSDP2Strategy', 'FSDPStrategy']
