"""Differences between runs that share their seeds."""

import dataclasses
import math
from collections.abc import Mapping, Sequence

import numpy as np
from scipy import stats
from statsmodels.stats.multitest import multipletests

__all__ = ['PairedDifference', 'compare', 'holm']

#: Up to this many pairs, the signed ranks are counted in all 2^n ways.
EXACT = 12


@dataclasses.dataclass(frozen=True)
class PairedDifference:
    """First minus second, seed by seed, in the unit of the values.

    Attributes:
        differences (tuple[float, ...]): Of each seed, in their order.
    """

    differences: tuple[float, ...]

    @property
    def n(self) -> int:
        """int: Number of seeds."""
        return len(self.differences)

    @property
    def mean(self) -> float:
        """float: Mean of the differences."""
        return float(np.mean(self.differences))

    @property
    def std(self) -> float:
        """float: Their sample standard deviation."""
        return float(np.std(self.differences, ddof=1))

    @property
    def p_t(self) -> float:
        """float: p-value of the paired t-test, two-sided."""
        if np.ptp(self.differences) == 0:
            return 0.0 if self.differences[0] else 1.0
        return float(stats.ttest_1samp(self.differences, 0).pvalue)

    @property
    def p_wilcoxon(self) -> float:
        """float: p-value of Wilcoxon's signed-rank test, two-sided.

        With n seeds it cannot fall below 2^(1 - n).
        """
        if not any(self.differences):
            return 1.0
        exact = stats.PermutationMethod(n_resamples=2**self.n)
        # scipy's own exact distribution knows neither ties nor zeros.
        method = exact if self.n <= EXACT else 'auto'
        return float(stats.wilcoxon(self.differences, method=method).pvalue)

    def interval(
        self, level: float = 0.95, comparisons: int = 1
    ) -> tuple[float, float]:
        """Give the confidence interval of the mean, by Student's t.

        Args:
            level (float): The confidence. Defaults to 0.95.
            comparisons (int): Number of intervals that are to hold together
                with this confidence, by Bonferroni's inequality. Defaults to
                1.

        Returns:
            tuple[float, float]: Its two ends.

        Raises:
            ValueError: If an argument is out of its range.
        """
        if not 0 < level < 1:
            raise ValueError(f'level={level} must lie between 0 and 1')
        if comparisons < 1:
            raise ValueError(f'comparisons={comparisons} must be at least 1')
        outside = (1 - level) / comparisons
        quantile = stats.t.ppf(1 - outside / 2, self.n - 1)
        half = float(quantile) * self.std / math.sqrt(self.n)
        return self.mean - half, self.mean + half


def compare(
    first: Mapping[int, float], second: Mapping[int, float]
) -> PairedDifference:
    """Compare two methods by their values of the same seeds.

    Args:
        first (Mapping[int, float]): Seeds to values of the one method.
        second (Mapping[int, float]): The same of the other.

    Returns:
        PairedDifference: First minus second.

    Raises:
        ValueError: If a seed has no partner or no finite value, or if there
            are fewer than two.
    """
    alone = sorted(set(first) ^ set(second))
    if alone:
        raise ValueError(
            f'seeds {alone} are in one of the two alone: give both methods '
            'the same seeds'
        )
    seeds = sorted(first)
    if len(seeds) < 2:
        raise ValueError(f'{len(seeds)} seeds have no spread: give 2 or more')
    found = np.array([first[s] - second[s] for s in seeds], dtype=np.float64)
    wrong = [s for s, value in zip(seeds, found) if not math.isfinite(value)]
    if wrong:
        raise ValueError(f'seeds {wrong} have values that are not finite')
    # What is equal but for rounding has no spread; the tests divide by it.
    size = max(abs(v) for values in (first, second) for v in values.values())
    found[np.abs(found) <= 1e-12 * size] = 0.0
    return PairedDifference(tuple(found.tolist()))


def holm(p_values: Sequence[float]) -> list[float]:
    """Correct p-values by Holm's method (1979).

    Returns:
        list[float]: The corrected p-values, in the same order.

    Raises:
        ValueError: If one of them is no probability.
    """
    wrong = [p for p in p_values if not 0 <= p <= 1]
    if wrong:
        raise ValueError(f'p-values must lie between 0 and 1, not {wrong}')
    if not p_values:
        return []
    return multipletests(p_values, method='holm')[1].tolist()
