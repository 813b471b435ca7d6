"""Pictures of the loss along a line, and on a plane, in greys."""

from pathlib import Path

import numpy as np

from research.common.figures import plt, save

#: Names of solutions to their coordinates.
Places = dict[str, tuple[float, ...]]
MARKERS = 'osD'


def draw(rows: list[dict[str, float]], places: Places, path: Path) -> None:
    """Draw rows of one or two coordinates.

    Args:
        rows (list[dict]): ``position`` or ``x``, maybe ``y``, ``loss`` and
            ``accuracy``.
        places (dict): The solutions.
        path (Path): The file; its folder is made.
    """
    figure, axes = plt.subplots(figsize=(6, 4.5), layout='constrained')
    (_draw_plane if 'y' in rows[0] else _draw_line)(axes, rows, places)
    save(figure, path, dpi=120)


def _draw_line(
    axes: plt.Axes, rows: list[dict[str, float]], places: Places
) -> None:
    key = next(iter(rows[0]))
    at = [row[key] for row in rows]
    loss = [row['loss'] for row in rows]
    lines = axes.plot(at, loss, 'k-o', markersize=3, label='loss')
    between = key == 'position'
    axes.set_xlabel(
        'position between the solutions'
        if between
        else 'step along the direction (norms of the filters)'
    )
    axes.set_ylabel('mean cross-entropy (nats)')
    other = axes.twinx()
    percent = [100 * row['accuracy'] for row in rows]
    lines += other.plot(at, percent, '--', color='0.4', label='accuracy')
    other.set_ylabel('accuracy (%)')
    for name, (place,) in places.items():
        axes.axvline(place, color='0.7', linewidth=0.8, zorder=0)
        axes.annotate(
            name,
            (place, 1),
            xycoords=axes.get_xaxis_transform(),
            xytext=(3, -3),
            textcoords='offset points',
            rotation=90,
            va='top',
        )
    axes.legend(handles=lines)


def _draw_plane(
    axes: plt.Axes, rows: list[dict[str, float]], places: Places
) -> None:
    x, y = (sorted({row[key] for row in rows}) for key in 'xy')
    loss = np.array([row['loss'] for row in rows]).reshape(len(x), len(y)).T
    loss = np.ma.masked_invalid(loss)
    levels = _levels(loss.min(), loss.max())
    filled = axes.contourf(x, y, loss, levels, cmap='Greys', alpha=0.6)
    lines = axes.contour(x, y, loss, levels, colors='k', linewidths=0.6)
    axes.clabel(lines, fontsize=7, fmt='%.3g')
    plt.colorbar(filled, ax=axes, label='mean cross-entropy (nats)')
    for marker, (name, place) in zip(MARKERS, places.items()):
        axes.plot(*place, marker, color='w', markeredgecolor='k', label=name)
    axes.legend(fontsize=8)
    if len(places) > 1:
        axes.set_aspect('equal')
    unit = 'norms of the filters' if len(places) == 1 else 'distance'
    axes.set_xlabel(f'x ({unit})')
    axes.set_ylabel(f'y ({unit})')


def _levels(low: float, high: float) -> np.ndarray:
    """Choose levels, in ratios where the loss spans more than a decade."""
    if high <= low:
        return np.array([low, low + max(abs(low), 1e-12) * 1e-6])
    if low > 0 and high > 10 * low:
        return np.geomspace(low, high, 12)
    return np.linspace(low, high, 12)
