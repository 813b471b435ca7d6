"""Settings in which a method is better, worse, or neither."""

import dataclasses

from research.study.claims import Finding
from research.study.comparisons import Comparison
from research.study.table import interval, number

__all__ = ['Sides', 'described', 'sides']


@dataclasses.dataclass(frozen=True)
class Sides:
    """Settings by what a comparison shows, each with its numbers.

    Attributes:
        better (list[str]): Where the corrected interval lies on the better
            side.
        worse (list[str]): Where it lies on the other side.
        neither (list[str]): Where it holds zero.
        unknown (list[str]): Where there are fewer than two seeds.
    """

    better: list[str]
    worse: list[str]
    neither: list[str]
    unknown: list[str]

    @property
    def measured(self) -> int:
        """int: Number of settings with a comparison."""
        return len(self.better) + len(self.worse) + len(self.neither)


def sides(finding: Finding) -> Sides:
    """Sort the settings of a finding."""
    found = Sides([], [], [], [])
    places = {1: found.better, -1: found.worse, 0: found.neither}
    for setting, comparison in finding.comparisons.items():
        if comparison is None:
            found.unknown.append(f'`{setting}`')
        else:
            text = f'`{setting}` {described(comparison)}'
            places[comparison.sign].append(text)
    return found


def described(comparison: Comparison) -> str:
    """Return a difference and its corrected interval, in their unit."""
    quantity = comparison.quantity
    mean = number(comparison.difference.mean, quantity, True)
    return f'{mean} {interval(comparison.together, quantity)}'
