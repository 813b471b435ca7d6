"""The figure: what a step costs, by model and by number of tensors."""

from pathlib import Path

import matplotlib

from .findings import GROWING
from .rows import FOREACH, Row

matplotlib.use('Agg')
from matplotlib import pyplot as plt

__all__ = ['draw']


def draw(rows: list[Row], path: Path) -> None:
    """Draw the steps' ratios to raw foreach, of the first device."""
    steps = [
        row
        for row in rows
        if row.what == 'step'
        and (row.device, row.dtype) == (rows[0].device, rows[0].dtype)
    ]
    found = dict.fromkeys(row.contestant for row in steps)
    names = [name for name in found if name != FOREACH]
    colors = {name: f'C{index}' for index, name in enumerate(names)}
    figure, (left, right) = plt.subplots(
        1, 2, figsize=(12, 5), layout='constrained'
    )
    _draw_models(left, [r for r in steps if r.model != GROWING], colors)
    _draw_growth(right, [r for r in steps if r.model == GROWING], colors)
    for axes in (left, right):
        axes.set_yscale('log')
        axes.axhline(1, color='#777777', linewidth=0.8, zorder=0)
        axes.set_ylabel('time over raw torch._foreach_lerp_')
    device = rows[0].device.upper() if rows else ''
    left.set_title(f'One averaging step on the {device}')
    right.set_title('The same by number of tensors, in the smallest size')
    handles = [plt.Line2D([], [], color=colors[n], marker='o') for n in names]
    figure.legend(handles, names, loc='outside lower center', ncols=4)
    figure.savefig(path, dpi=120)
    plt.close(figure)


def _draw_models(
    axes: plt.Axes, rows: list[Row], colors: dict[str, str]
) -> None:
    """One dot per contestant and model; ours are larger."""
    models = list(dict.fromkeys(row.model for row in rows))
    for row in rows:
        if row.contestant == FOREACH or row.ratio_to_foreach is None:
            continue
        ours = row.contestant.startswith('SwitchEMA')
        axes.plot(
            models.index(row.model),
            row.ratio_to_foreach,
            color=colors[row.contestant],
            marker='D' if ours else 'o',
            markersize=8 if ours else 5,
        )
    axes.set_xticks(range(len(models)), models, rotation=30, ha='right')


def _draw_growth(
    axes: plt.Axes, rows: list[Row], colors: dict[str, str]
) -> None:
    """One line per contestant."""
    smallest = min((row.megabytes for row in rows), default=0)
    for name, color in colors.items():
        points = [
            (row.tensors, row.ratio_to_foreach)
            for row in rows
            if (row.contestant, row.megabytes) == (name, smallest)
        ]
        if points:
            axes.plot(*zip(*sorted(points)), color=color, marker='o')
    axes.set_xscale('log')
    axes.set_xlabel(f'tensors of {smallest:g} MB in all')
