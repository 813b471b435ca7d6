"""Which momentum and interval a method is reported with."""

import statistics
from collections.abc import Iterable
from typing import Optional

from .rows import Row

__all__ = ['BASELINE', 'FIRST_SELECTION_SEED', 'METRIC', 'best', 'scores']

#: Seeds from here on choose on the validation split; those below report.
FIRST_SELECTION_SEED = 100
BASELINE = 'baseline'
METRIC = 'val/accuracy'

Setup = tuple[Optional[float], Optional[int]]


def best(
    rows: Iterable[Row],
    setting: str,
    method: str,
    interval: Optional[int] = None,
) -> Setup:
    """Choose the momentum and the interval of a method.

    By the mean accuracy on the validation split at the last epoch over the
    selection seeds. Of equal ones the larger momentum wins: the smaller
    window.

    Args:
        rows (Iterable[Row]): The rows of a study.
        setting (str): The setting.
        method (str): The method.
        interval (int, optional): Choose among runs with this interval
            alone. Defaults to None: among all.

    Returns:
        tuple: The momentum and the interval, each None if the method has
        none.

    Raises:
        ValueError: If no row can choose.
    """
    found = scores(rows, setting, method)
    if interval is not None:
        found = {key: v for key, v in found.items() if key[1] == interval}
    if not found:
        of = '' if interval is None else f' with interval {interval}'
        raise ValueError(
            f'no rows of {METRIC} choose for {method}{of} in {setting}: '
            f'train it with seeds from {FIRST_SELECTION_SEED} on'
        )
    return max(found, key=lambda key: (found[key], key[0] or 0.0))


def scores(
    rows: Iterable[Row], setting: str, method: str
) -> dict[Setup, float]:
    """Average what a choice is made by over the selection seeds.

    Momenta and intervals that some of the seeds lack are left out as long as
    others have all of them: means over different seeds do not compare.

    Args:
        rows (Iterable[Row]): The rows of a study.
        setting (str): The setting.
        method (str): The method.

    Returns:
        dict: Momentum and interval to mean accuracy in %.
    """
    chosen = [
        row
        for row in rows
        if (row.setting, row.method, row.metric) == (setting, method, METRIC)
        and row.seed >= FIRST_SELECTION_SEED
    ]
    last = max((row.epoch for row in chosen), default=0)
    found: dict[Setup, dict[int, float]] = {}
    for row in chosen:
        if row.epoch == last:
            setup = (row.momentum, row.interval)
            found.setdefault(setup, {})[row.seed] = row.value
    most = max(map(len, found.values()), default=0)
    return {
        setup: statistics.mean(by_seed.values())
        for setup, by_seed in found.items()
        if len(by_seed) == most
    }
