"""What all figures of a study share."""

import math
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from matplotlib.ticker import FuncFormatter, LogLocator

from research.common.figures import plt
from research.common.methods import METHODS

from .results import Results

__all__ = [
    'add_legend',
    'look',
    'panels',
    'plain_log',
    'shown',
]

WIDTH, HEIGHT, COLUMNS = 4.0, 3.1, 3


def look(method: str) -> dict[str, Any]:
    """Give a method's look to matplotlib.

    Returns:
        dict: Arguments of ``plot``.
    """
    found = METHODS[method]
    return {
        'color': found.color,
        'linestyle': found.line,
        'marker': found.marker,
        'markerfacecolor': found.color if found.filled else 'white',
    }


def shown(
    results: Results, data_of: Callable[[str, str], Any]
) -> dict[str, dict[str, Any]]:
    """Collect what the panels of a figure show.

    Args:
        results (Results): The results.
        data_of (Callable): Gives the data of a setting and a method.

    Returns:
        dict: Settings to methods to data, without what is empty.
    """
    every = {
        setting: {m: data_of(setting, m) for m in results.methods(setting)}
        for setting in results.settings
    }
    full = {s: {m: d for m, d in one.items() if d} for s, one in every.items()}
    return {setting: one for setting, one in full.items() if one}


def panels(
    titles: list[str], columns: int = COLUMNS, height: float = HEIGHT
) -> tuple[Any, Iterator[tuple[str, Any]]]:
    """Make a figure of a panel for each title.

    Args:
        titles (list[str]): The titles.
        columns (int): Panels side by side. Defaults to 3.
        height (float): Of a panel, in inches. Defaults to 3.1.

    Returns:
        tuple: The figure, and pairs of title and axes.
    """
    columns = min(columns, len(titles))
    rows = math.ceil(len(titles) / columns)
    # Two at least, so that the legend below has its place.
    size = (WIDTH * max(columns, 2), height * rows + 0.6)
    figure, axes = plt.subplots(rows, columns, figsize=size, squeeze=False)
    # The titles of a row keep away from the labels of the row above.
    figure.set_layout_engine('constrained', h_pad=0.08)
    flat = list(axes.flat)
    for left in flat[len(titles) :]:
        left.set_axis_off()
    for title, one in zip(titles, flat):
        one.set_title(title)
    return figure, zip(titles, flat)


def add_legend(
    figure: Any, methods: Iterable[str], **look_of_all: Any
) -> None:
    """Put a legend of methods below a figure.

    Args:
        figure (Figure): The figure.
        methods (Iterable[str]): The methods, in any order.
        **look_of_all (Any): What is not as in :func:`look`.
    """
    found = [method for method in METHODS if method in set(methods)]
    handles = [
        plt.Line2D([], [], **{**look(method), **look_of_all})
        for method in found
    ]
    labels = [METHODS[method].label for method in found]
    figure.legend(
        handles,
        labels,
        loc='outside lower center',
        ncols=4,
        frameon=False,
        handlelength=3,
    )


def plain_log(axis: Any) -> None:
    """Write the numbers of a logarithmic axis as they are."""
    subs = (1.0, 1.5, 2.0, 3.0, 5.0, 7.0)
    axis.set_major_locator(LogLocator(10, subs))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f'{value:g}'))
    axis.set_minor_formatter(FuncFormatter(lambda *_: ''))
