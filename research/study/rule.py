"""Which windows are good, by the selection seeds."""

import dataclasses
import math
import statistics
from typing import Optional

from .choice import BASELINE, METRIC, scores
from .results import Results

__all__ = ['Range', 'grid', 'good_range', 'spread', 'too_long']


@dataclasses.dataclass(frozen=True)
class Range:
    """Windows, in epochs.

    Attributes:
        low (float): The shortest that is good.
        best (float): The best.
        high (float): The longest that is good.
        gain (float): How much better the best is than no averaging, in
            points; NaN without runs of the baseline.
        spread (float): How much the seed alone changes, in points.
    """

    low: float
    best: float
    high: float
    gain: float
    spread: float


def grid(
    results: Results, setting: str, method: str
) -> dict[tuple[float, Optional[int]], float]:
    """Collect what was tried.

    Returns:
        dict: Window in epochs, and interval, to the mean accuracy of the
        selection seeds on the validation split.
    """
    found = scores(results.rows, setting, method)
    return {
        (1 / (momentum * results.steps), interval): value
        for (momentum, interval), value in found.items()
        if momentum is not None
    }


def spread(results: Results, setting: str) -> Optional[float]:
    """Measure how much the seed alone changes.

    Returns:
        float, optional: Standard deviation of the baseline's last accuracy
        on the validation split over all of its seeds; None for fewer than
        two.
    """
    last = results.epochs(setting)
    found = [
        row.value
        for row in results.rows
        if (row.setting, row.method, row.metric, row.epoch)
        == (setting, BASELINE, METRIC, last)
    ]
    return statistics.stdev(found) if len(found) > 1 else None


def good_range(
    results: Results, setting: str, method: str, interval: Optional[int]
) -> Optional[Range]:
    """Find the windows around the best that are as good but for the seed.

    Args:
        results (Results): The results.
        setting (str): The setting.
        method (str): The method.
        interval (int, optional): Iterations between two switches.

    Returns:
        Range, optional: From the best window in both directions as far as
        none is worse by more than :func:`spread`; None if there are no rows.
    """
    tolerance = spread(results, setting)
    tried = {
        window: value
        for (window, k), value in grid(results, setting, method).items()
        if k == interval
    }
    if not tried or tolerance is None:
        return None
    windows = sorted(tried)
    best = max(windows, key=lambda window: (tried[window], -window))
    least = tried[best] - tolerance
    low = high = windows.index(best)
    while low > 0 and tried[windows[low - 1]] >= least:
        low -= 1
    while high + 1 < len(windows) and tried[windows[high + 1]] >= least:
        high += 1
    base = _baseline(results, setting)
    gain = math.nan if base is None else tried[best] - base
    return Range(windows[low], best, windows[high], gain, tolerance)


def too_long(results: Results, setting: str, limit: float) -> list[int]:
    """Count what of SEMA is worse than no averaging, by its window.

    Worse means: below the baseline of the same seeds by more than
    :func:`spread`.

    Args:
        results (Results): The results.
        setting (str): The setting.
        limit (float): Windows, in intervals between switches, up to which
            there should be none.

    Returns:
        list[int]: How many are worse of how many up to the limit, and how
        many of how many beyond it.
    """
    tolerance = spread(results, setting)
    base = _baseline(results, setting)
    counts = [0, 0, 0, 0]
    if base is None or tolerance is None:
        return counts
    for (window, interval), value in grid(results, setting, 'sema').items():
        if interval is None:
            continue
        at = 0 if window * results.steps / interval <= limit + 1e-6 else 2
        counts[at] += value < base - tolerance
        counts[at + 1] += 1
    return counts


def _baseline(results: Results, setting: str) -> Optional[float]:
    return scores(results.rows, setting, BASELINE).get((None, None))
