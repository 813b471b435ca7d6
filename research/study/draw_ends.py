"""Figures of what was measured of the final networks."""

import functools
import statistics
from typing import Any, Optional

from .choice import BASELINE
from .comparisons import Comparison, compare_all
from .drawing import add_legend, look, panels, plain_log, shown
from .quantity import of_metric
from .results import Results

__all__ = ['draw_flatness', 'draw_robustness']

CURVATURE = 'train/hessian_top'
STARTS = {
    'test/accuracy_noise_': 'σ of the Gaussian noise (normalised pixels)',
    'test/accuracy_fgsm_': 'ε of FGSM (normalised pixels)',
}


def draw_robustness(results: Results) -> Optional[Any]:
    """Draw the accuracy under noise and attack, minus the baseline's.

    Returns:
        Figure, optional: Two panels for each setting; None if nothing was
        measured.
    """
    found: dict[tuple[str, str], list[Comparison]] = {}
    for setting in results.settings:
        for start in STARTS:
            compared = _against_baseline(results, setting, start)
            if compared:
                found[setting, start] = compared
    if not found:
        return None
    titles = [setting for setting, _ in found]
    figure, pairs = panels(titles, columns=2)
    drawn: set[str] = set()
    for ((_, start), compared), (_, axes) in zip(found.items(), pairs):
        labels = [of_metric(m).label for m in results.metrics(start)]
        ticks = [metric[len(start) :] for metric in results.metrics(start)]
        methods = list(dict.fromkeys(c.method for c in compared))
        for one in compared:
            shift = methods.index(one.method) - (len(methods) - 1) / 2
            place = labels.index(one.quantity.label) + 0.12 * shift
            _draw_bar(axes, place, one)
        drawn |= set(methods)
        axes.set_xticks(range(len(ticks)), ticks)
        axes.axhline(0, color='black', lw=1)
        axes.set_xlabel(STARTS[start])
        axes.set_ylabel('test accuracy − baseline\n(points, 95 % interval)')
    add_legend(figure, drawn, linestyle='none')
    return figure


def draw_flatness(results: Results) -> Optional[Any]:
    """Draw the final accuracy against the curvature of the loss.

    Returns:
        Figure, optional: A panel for each setting; None if the curvature
        was not measured.
    """
    found = shown(results, functools.partial(_curved, results))
    if not found:
        return None
    figure, pairs = panels(list(found))
    for setting, axes in pairs:
        for method, points in found[setting].items():
            _draw_cloud(axes, method, points)
        axes.set_xscale('log')
        plain_log(axes.xaxis)
        axes.set_xlabel('top eigenvalue of the Hessian,\ntraining loss')
        axes.set_ylabel('final test accuracy (%)')
    add_legend(figure, set().union(*found.values()), linestyle='none')
    return figure


def _against_baseline(
    results: Results, setting: str, start: str
) -> list[Comparison]:
    quantities = [of_metric(metric) for metric in results.metrics(start)]
    methods = [m for m in results.methods(setting) if m != BASELINE]
    return compare_all(
        results,
        [
            (setting, m, BASELINE, quantity)
            for m in methods
            for quantity in quantities
        ],
    )


def _curved(
    results: Results, setting: str, method: str
) -> list[tuple[float, float]]:
    x = results.values(setting, method, CURVATURE)
    y = results.values(setting, method)
    return [(x[seed], y[seed]) for seed in sorted(set(x) & set(y))]


def _draw_bar(axes: Any, place: float, found: Comparison) -> None:
    style = look(found.method)
    axes.plot([place] * 2, found.interval, color=style['color'], lw=1.2)
    axes.plot(place, found.difference.mean, **{**style, 'linestyle': 'none'})


def _draw_cloud(axes: Any, method: str, points: list) -> None:
    style = {**look(method), 'linestyle': 'none'}
    axes.plot(*zip(*points), **{**style, 'markersize': 3, 'alpha': 0.5})
    mean = [statistics.mean(values) for values in zip(*points)]
    axes.plot(*mean, **{**style, 'markersize': 9, 'markeredgecolor': 'black'})
