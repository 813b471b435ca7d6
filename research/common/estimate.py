"""A mean of random terms, and how far it may be off."""

import statistics
from collections.abc import Sequence

__all__ = ['mean_and_error']


def mean_and_error(terms: Sequence[float]) -> tuple[float, float]:
    r"""Average independent terms.

    Args:
        terms (Sequence[float]): K terms, at least 2.

    Returns:
        Tuple[float, float]: The mean, and its standard error, the
        standard deviation (of K - 1) over :math:`\sqrt{K}`.
    """
    return (
        statistics.fmean(terms),
        statistics.stdev(terms) / len(terms) ** 0.5,
    )
