"""What a learning curve says in one number."""

from collections.abc import Mapping
from typing import Optional

from scipy.integrate import trapezoid

__all__ = ['area', 'epochs_to_reach']


def epochs_to_reach(
    curve: Mapping[int, float], target: float
) -> Optional[float]:
    """Tell when a curve reaches a value for the first time.

    Args:
        curve (Mapping[int, float]): Epochs, counted from 1, to values.
        target (float): The value to reach.

    Returns:
        float, optional: Epochs, on the straight line between the two
        evaluations around the target; the first epoch if its evaluation is
        there already, as nothing is known before. None if it is never
        reached: later, if at all.
    """
    before: Optional[tuple[int, float]] = None
    for epoch, value in sorted(curve.items()):
        if value >= target:
            if before is None:
                return float(epoch)
            last, low = before
            return last + (epoch - last) * (target - low) / (value - low)
        before = epoch, value
    return None


def area(curve: Mapping[int, float]) -> float:
    """Average a curve over the time between its first and its last epoch.

    Args:
        curve (Mapping[int, float]): Epochs to values.

    Returns:
        float: The area under it, by trapezoids, over its length, and so in
        the unit of the values.

    Raises:
        ValueError: If there are fewer than two epochs.
    """
    points = sorted(curve.items())
    if len(points) < 2:
        raise ValueError(f'a curve of {len(points)} epochs has no area')
    epochs, values = zip(*points)
    return float(trapezoid(values, epochs)) / (epochs[-1] - epochs[0])
