"""The rule for the momentum, by what the selection seeds have shown."""

import dataclasses
from typing import Optional

from research.common.methods import METHODS
from research.study.results import Results
from research.study.rule import Range, good_range, grid, too_long
from research.study.table import NOTHING, Table

__all__ = ['Advice', 'advise', 'advice_table', 'count_long']

#: The longest window, in intervals between two switches, that the hook names.
LIMIT = 1 / 3


@dataclasses.dataclass(frozen=True)
class Advice:
    """Windows of one method, in epochs.

    Attributes:
        label (str): The method.
        steps (int): Iterations of an epoch.
        ranges (dict[str, Range]): Settings to what is good there.
        shortest (float): The shortest that was tried.
        longest (float): The longest that was tried everywhere.
    """

    label: str
    steps: int
    ranges: dict[str, Range]
    shortest: float
    longest: float

    @property
    def common(self) -> Optional[tuple[float, float]]:
        """tuple, optional: What is good in all settings, if anything is."""
        low = max(found.low for found in self.ranges.values())
        high = min(found.high for found in self.ranges.values())
        return (low, high) if low <= high else None

    @property
    def idle(self) -> list[str]:
        """list[str]: Where the best window is not above no averaging.

        By more than the spread of the seeds.
        """
        return [
            f'`{setting}`'
            for setting, found in self.ranges.items()
            if not found.gain > found.spread
        ]

    def momentum(self, window: float) -> float:
        """Convert a window in epochs to a momentum."""
        return 1 / (window * self.steps)


def advise(results: Results, method: str) -> Optional[Advice]:
    """Find the good windows of a method.

    Args:
        results (Results): The results.
        method (str): The method; SEMA switches after each epoch.

    Returns:
        Advice, optional: None if no setting has tried any.
    """
    every = results.steps if method.startswith('sema') else None
    ranges = {
        setting: found
        for setting in results.settings
        if (found := good_range(results, setting, method, every))
    }
    if not ranges:
        return None
    tried = [
        {window for window, k in grid(results, setting, method) if k == every}
        for setting in ranges
    ]
    shared = set.intersection(*tried) or set.union(*tried)
    return Advice(
        METHODS[method].label,
        results.steps,
        ranges,
        min(shared),
        max(shared),
    )


def advice_table(results: Results) -> Optional[Table]:
    """Tabulate the good windows of all averages.

    Returns:
        Table, optional: A line for each setting; None without any.
    """
    methods = ('ema', 'ema-bn', 'sema', 'sema-bn')
    columns = [found for m in methods if (found := advise(results, m))]
    if not columns:
        return None
    lines = []
    for setting in results.settings:
        ranges = [advice.ranges.get(setting) for advice in columns]
        spreads = [found.spread for found in ranges if found]
        if spreads:
            cells = map(_cell, ranges)
            lines.append([f'`{setting}`', *cells, f'{spreads[0]:.2f}'])
    head = ['setting', *(a.label for a in columns), 'spread (points)']
    note = (
        'The best window in epochs, and in brackets those around it whose '
        'validation accuracy is below the best by no more than the spread: '
        "the standard deviation of the baseline's seeds. Then how many "
        'points the best is above no averaging. SEMA switches after each '
        'epoch.'
    )
    return Table('Good windows', head, lines, note)


def count_long(results: Results) -> list[int]:
    """Sum :func:`research.study.rule.too_long` over all settings."""
    counts = [too_long(results, s, LIMIT) for s in results.settings]
    return [sum(numbers) for numbers in zip(*counts)]


def _cell(found: Optional[Range]) -> str:
    if found is None:
        return NOTHING
    text = f'{found.best:.2g} [{found.low:.2g}, {found.high:.2g}]'
    return f'{text}, {found.gain:+.2f}'.replace('-', '−')
