"""Figure of the paired differences."""

from typing import Any, Optional

from research.common.methods import METHODS

from .comparisons import Comparison, compare_accuracies
from .drawing import look, panels
from .results import Results

__all__ = ['draw_differences']


def draw_differences(results: Results) -> Optional[Any]:
    """Draw the differences with their intervals.

    Returns:
        Figure, optional: A panel for each setting; None if nothing can be
        compared.
    """
    families = {s: compare_accuracies(results, s) for s in results.settings}
    compared = [setting for setting, found in families.items() if found]
    if not compared:
        return None
    most = max(len(families[setting]) for setting in compared)
    figure, pairs = panels(compared, columns=2, height=0.3 * most + 1)
    for setting, axes in pairs:
        for place, found in enumerate(families[setting]):
            _draw(axes, place, found)
        names = [
            f'{METHODS[c.method].label} − {METHODS[c.other].label}'
            for c in families[setting]
        ]
        axes.set_yticks(range(len(names)), names)
        axes.invert_yaxis()
        axes.axvline(0, color='black', lw=1)
        axes.set_xlabel('difference in accuracy (points)')
    return figure


def _draw(axes: Any, place: int, found: Comparison) -> None:
    style = look(found.method)
    color = style['color']
    axes.plot(found.together, [place] * 2, color=color, lw=1)
    axes.plot(found.interval, [place] * 2, color=color, lw=3.5)
    style.update(markersize=7, linestyle='none')
    axes.plot(found.difference.mean, place, **style)
