"""The figure of the decision boundaries."""

import statistics
from pathlib import Path

import numpy as np
from torch import Tensor

from research.common.figures import plt, save
from research.common.methods import METHODS

from .rows import Accuracy, Probability

STYLES = {method.label: method for method in METHODS.values()}


def draw(
    accuracies: list[Accuracy],
    probabilities: list[Probability],
    points: dict[str, tuple[Tensor, Tensor]],
    file: Path,
) -> None:
    """Draw where each network of each method changes its mind.

    Args:
        accuracies (list[Accuracy]): Test accuracies; the last epoch counts.
        probabilities (list[Probability]): Grids, one a network.
        points (dict): Training points and labels of each data set.
        file (Path): The file, whose suffix says its format.
    """
    methods = list(dict.fromkeys(row.method for row in accuracies))
    figure, panels = plt.subplots(
        len(points),
        len(methods),
        figsize=(4 * len(methods), 4 * len(points)),
        layout='constrained',
        squeeze=False,
    )
    for line, (data, (at, labels)) in zip(panels, points.items()):
        for axes, method in zip(line, methods):
            cell = data, method
            _scatter(axes, at, labels)
            _contours(
                axes, [r for r in probabilities if (r.data, r.method) == cell]
            )
            reached = _last(
                [r for r in accuracies if (r.data, r.method) == cell]
            )
            axes.set_title(f'{data}, {method}\ntest accuracy {reached}')
            axes.set(xlabel='x (no unit)', ylabel='y (no unit)')
    figure.suptitle(
        'Decision boundaries, a line for each seed; '
        'dots and crosses: training points of the two classes'
    )
    save(figure, file, dpi=120)


def _scatter(axes: plt.Axes, at: Tensor, labels: Tensor) -> None:
    for label, marker, color in ((0, 'o', '#777777'), (1, 'x', '#AAAAAA')):
        x, y = at[labels == label].T
        axes.scatter(x, y, s=12, marker=marker, color=color, linewidths=0.8)


def _contours(axes: plt.Axes, rows: list[Probability]) -> None:
    style = STYLES[rows[0].method]
    for seed in dict.fromkeys(row.seed for row in rows):
        own = [row for row in rows if row.seed == seed]
        xs = sorted({row.x for row in own})
        ys = sorted({row.y for row in own})
        grid = np.array([row.value for row in own]).reshape(len(ys), len(xs))
        axes.contour(
            *(xs, ys, grid, [0.5]),
            colors=style.color,
            linestyles=[style.line],
            linewidths=1.5,
        )


def _last(rows: list[Accuracy]) -> str:
    epoch = max(row.epoch for row in rows)
    values = [100 * row.value for row in rows if row.epoch == epoch]
    if len(values) < 2:
        return f'{values[0]:.1f} %'
    spread = statistics.stdev(values)
    mean = statistics.mean(values)
    return f'{mean:.1f} ± {spread:.1f} % ({len(values)} seeds)'
