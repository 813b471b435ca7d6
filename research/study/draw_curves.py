"""Figure of the learning curves."""

from typing import Any, Optional

import numpy as np

from research.common.methods import METHODS

from .drawing import add_legend, look, panels, plain_log, shown
from .results import ACCURACY, Results

__all__ = ['draw_curves']


def draw_curves(results: Results) -> Optional[Any]:
    """Draw the test error of all methods, epoch by epoch.

    Returns:
        Figure, optional: A panel for each setting; None without curves.
    """
    found = shown(results, lambda s, m: results.curves(s, m, ACCURACY))
    if not found:
        return None
    figure, pairs = panels(list(found))
    for setting, axes in pairs:
        for method, curves in found[setting].items():
            _draw(axes, method, curves)
        axes.set_yscale('log')
        plain_log(axes.yaxis)
        axes.set_xlabel('epoch')
        axes.set_ylabel('test error (%)')
    add_legend(figure, set().union(*found.values()))
    return figure


def _draw(axes: Any, method: str, curves: dict[int, dict[int, float]]) -> None:
    epochs = sorted(next(iter(curves.values())))
    values = [[100 - curve[e] for e in epochs] for curve in curves.values()]
    mean = np.mean(values, axis=0)
    # No two methods have their markers at the same epochs.
    order = list(METHODS).index(method)
    places = list(range(order % 3, len(epochs), 3))
    axes.plot(epochs, mean, **look(method), markevery=places)
    if len(values) > 1:
        std = np.std(values, axis=0, ddof=1)
        color = METHODS[method].color
        axes.fill_between(
            epochs, mean - std, mean + std, color=color, alpha=0.12, lw=0
        )
