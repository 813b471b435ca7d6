"""A mean of random terms, and its standard error."""

import statistics
from collections.abc import Sequence

from scipy.stats import sem

__all__ = ['mean_and_error']


def mean_and_error(terms: Sequence[float]) -> tuple[float, float]:
    """Return the mean of at least 2 independent terms and its error."""
    return statistics.fmean(terms), float(sem(terms))
