"""Rows of a study: one number in each."""

import dataclasses
from typing import Optional


@dataclasses.dataclass(frozen=True)
class Row:
    """One metric of one network at the end of one epoch.

    Attributes:
        setting (str): Name of the setting: model, optimizer, schedule.
        method (str): What averages, such as ``'sema'``.
        momentum (float, optional): Its momentum; None if it has none.
        interval (int, optional): Iterations from one switch to the next;
            None without switches.
        seed (int): Seed of the run.
        epoch (int): The epoch, counted from 1.
        metric (str): Its name, such as ``'test/accuracy'``.
        value (float): Its value.
    """

    setting: str
    method: str
    momentum: Optional[float]
    interval: Optional[int]
    seed: int
    epoch: int
    metric: str
    value: float
