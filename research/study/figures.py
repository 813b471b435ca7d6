"""All figures of a study."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any, Optional

from research.common.figures import STYLE, plt, save

from .draw_curves import draw_curves
from .draw_differences import draw_differences
from .draw_ends import draw_flatness, draw_robustness
from .draw_windows import draw_grid, draw_windows
from .results import Results

__all__ = ['Figure', 'draw']


@dataclasses.dataclass(frozen=True)
class Figure:
    """A figure in a file.

    Attributes:
        title (str): What it shows.
        caption (str): How to read it.
        file (Path): Where it is.
    """

    title: str
    caption: str
    file: Path


FIGURES: dict[str, tuple[Callable[[Results], Optional[Any]], str, str]] = {
    'curves': (
        draw_curves,
        'Learning curves',
        'Test error of the networks that a method gives after each epoch: '
        'mean over the seeds, and the band of one standard deviation.',
    ),
    'differences': (
        draw_differences,
        'Differences of the final accuracy',
        'Paired by seed. Thick: 95 % interval of one difference. Thin: the '
        'intervals of a panel that hold together at 95 %. An interval that '
        'crosses the line shows no difference.',
    ),
    'windows': (
        draw_windows,
        'What the window changes',
        'Validation error after the last epoch, mean over the selection '
        'seeds, SEMA switched after each epoch. Band around the '
        'baseline: the standard deviation of its seeds.',
    ),
    'grid': (
        draw_grid,
        'Window and interval of SEMA',
        'Validation accuracy after the last epoch, mean over the selection '
        'seeds; the best is bold. White: no run.',
    ),
    'robustness': (
        draw_robustness,
        'Robustness',
        'Test accuracy of the final networks on noisy images, and under an '
        'attack by one step along the sign of the gradient.',
    ),
    'flatness': (
        draw_flatness,
        'Flatness and accuracy',
        'Small: a seed; large: the mean. Left is flatter, up is better.',
    ),
}


def draw(results: Results, folder: Path, suffix: str = '.svg') -> list[Figure]:
    """Draw all figures for which there are rows.

    Args:
        results (Results): The results.
        folder (Path): Where to; it is made.
        suffix (str): The kind of the files. Defaults to ``'.svg'``.

    Returns:
        list[Figure]: The figures.
    """
    folder.mkdir(parents=True, exist_ok=True)
    figures = []
    with plt.rc_context(STYLE):
        for name, (function, title, caption) in FIGURES.items():
            drawn = function(results)
            if drawn is not None:
                file = save(drawn, folder / f'{name}{suffix}')
                figures.append(Figure(title, caption, file))
    return figures
