"""Asks the schedule when, and tells the average what to do."""

from .switch_ema_hook import SwitchEMAHook

__all__ = ['SwitchEMAHook']
