"""Measures of predictions: functions of two arrays of shape ``(N, )``."""

from collections.abc import Callable

import numpy as np
from scipy import stats

__all__ = ['MEASURES', 'angular_error']


def mae(predictions: np.ndarray, targets: np.ndarray) -> float:
    """Compute the mean absolute error, in the unit of the targets."""
    return float(np.abs(predictions - targets).mean())


def mse(predictions: np.ndarray, targets: np.ndarray) -> float:
    """Compute the mean squared error, in the squared unit of the targets."""
    return float(np.square(predictions - targets).mean())


def rmse(predictions: np.ndarray, targets: np.ndarray) -> float:
    """Compute the root of the mean squared error."""
    return float(np.sqrt(mse(predictions, targets)))


def mape(predictions: np.ndarray, targets: np.ndarray) -> float:
    """Compute the mean absolute error as a fraction of the target.

    It does not exist for targets of 0, which are left out; with no other
    targets it is NaN.

    Args:
        predictions (np.ndarray): What was predicted.
        targets (np.ndarray): What would have been right.

    Returns:
        float: The mean, 1 for predictions that are off by their target.
    """
    some = targets != 0
    if not some.any():
        return float('nan')
    return mae(predictions[some] / targets[some], np.ones(some.sum()))


def pearson(predictions: np.ndarray, targets: np.ndarray) -> float:
    """Compute Pearson's correlation, NaN where it does not exist."""
    if not _vary(predictions, targets):
        return float('nan')
    return float(stats.pearsonr(predictions, targets)[0])


def spearman(predictions: np.ndarray, targets: np.ndarray) -> float:
    """Compute Spearman's correlation of ranks, NaN where there is none."""
    if not _vary(predictions, targets):
        return float('nan')
    return float(stats.spearmanr(predictions, targets)[0])


def angular_error(
    predictions: np.ndarray, targets: np.ndarray, period: float
) -> float:
    """Compute the mean absolute error the shorter way round a circle.

    Args:
        predictions (np.ndarray): What was predicted; any number, as values
            that differ by whole periods are one angle.
        targets (np.ndarray): What would have been right.
        period (float): Once round, in the unit of the targets.

    Returns:
        float: The mean, at most half a period. Any one prediction for targets
        that are spread evenly has a quarter of a period.
    """
    apart = np.mod(predictions - targets, period)
    return float(np.minimum(apart, period - apart).mean())


def _vary(*arrays: np.ndarray) -> bool:
    """Tell whether each array has two finite values that differ."""
    return all(np.isfinite(one).all() and np.ptp(one) > 0 for one in arrays)


#: By the names that :class:`RegressionMetric` takes and reports.
MEASURES: dict[str, Callable[[np.ndarray, np.ndarray], float]] = {
    'mae': mae,
    'mse': mse,
    'rmse': rmse,
    'mape': mape,
    'pearson': pearson,
    'spearman': spearman,
}
