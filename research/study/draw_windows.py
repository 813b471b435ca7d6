"""Figures of what the momentum and the interval change."""

from typing import Any, Optional

from .choice import BASELINE, scores
from .drawing import add_legend, look, panels, plain_log
from .results import Results
from .rule import grid, spread

__all__ = ['draw_grid', 'draw_windows']

AVERAGES = ('ema', 'ema-bn', 'sema', 'sema-bn')
#: Points below the best from which on a cell has the darkest colour.
DEPTH = 5.0


def draw_windows(results: Results) -> Optional[Any]:
    """Draw the validation error against the window.

    Returns:
        Figure, optional: A panel for each setting in which windows were
        tried; None if there is none.
    """
    tried = [
        setting
        for setting in results.settings
        if any(grid(results, setting, method) for method in AVERAGES)
    ]
    if not tried:
        return None
    figure, pairs = panels(tried)
    drawn = {BASELINE}
    for setting, axes in pairs:
        windows = _windows(results, setting)
        for method in AVERAGES:
            every = results.steps if method.startswith('sema') else None
            points = sorted(
                (window, 100 - value)
                for (window, k), value in grid(
                    results, setting, method
                ).items()
                if k == every
            )
            if points:
                axes.plot(*zip(*points), **look(method))
                drawn.add(method)
        _draw_baseline(axes, results, setting, windows)
        axes.set_xscale('log')
        axes.set_yscale('log')
        axes.set_xticks(windows, [f'{window:.2g}' for window in windows])
        axes.set_xticks([], minor=True)
        plain_log(axes.yaxis)
        axes.set_xlabel('window 1 / momentum (epochs)')
        axes.set_ylabel('validation error (%)')
    add_legend(figure, drawn)
    return figure


def draw_grid(results: Results) -> Optional[Any]:
    """Draw the accuracy of SEMA by window and interval, cell by cell.

    Returns:
        Figure, optional: A panel for each setting in which several
        intervals were tried; None if there is none.
    """
    grids = {s: grid(results, s, 'sema') for s in results.settings}
    several = [s for s, found in grids.items() if _intervals(found)[1:]]
    if not several:
        return None
    height = 0.36 * max(len({w for w, _ in grids[s]}) for s in several)
    figure, pairs = panels(several, columns=2, height=height + 1.1)
    for setting, axes in pairs:
        _draw_cells(figure, axes, grids[setting], results.steps)
    return figure


def _windows(results: Results, setting: str) -> list[float]:
    found = (grid(results, setting, method) for method in AVERAGES)
    return sorted({window for one in found for window, _ in one})


def _draw_baseline(
    axes: Any, results: Results, setting: str, windows: list[float]
) -> None:
    base = scores(results.rows, setting, BASELINE).get((None, None))
    tolerance = spread(results, setting)
    if base is None:
        return
    axes.plot(windows, [100 - base] * len(windows), **look(BASELINE))
    if tolerance is not None:
        ends = 100 - base - tolerance, 100 - base + tolerance
        axes.axhspan(*ends, color='black', alpha=0.12, lw=0)


def _draw_cells(figure: Any, axes: Any, found: dict, steps: int) -> None:
    windows = sorted({window for window, _ in found})
    intervals = _intervals(found)
    best = max(found.values())
    cells = [
        [found.get((w, k), float('nan')) for k in intervals] for w in windows
    ]
    image = axes.imshow(
        cells, cmap='gray', vmin=best - DEPTH, vmax=best, aspect='auto'
    )
    for (window, k), value in found.items():
        axes.text(
            intervals.index(k),
            windows.index(window),
            f'{value:.2f}',
            color='white' if value < best - DEPTH / 2 else 'black',
            fontweight='bold' if value == best else 'normal',
            ha='center',
            va='center',
        )
    names = [f'{k}\n({k / steps:.3g})' for k in intervals]
    axes.set_xticks(range(len(intervals)), names)
    axes.set_yticks(range(len(windows)), [f'{w:.3g}' for w in windows])
    axes.grid(False)
    axes.set_xlabel('iterations (epochs) between two switches')
    axes.set_ylabel('window (epochs)')
    figure.colorbar(
        image, ax=axes, extend='min', label='validation accuracy (%)'
    )


def _intervals(found: dict) -> list[int]:
    return sorted({k for _, k in found if k is not None})
