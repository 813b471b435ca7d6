"""Figures without a display; the same rows make the same file."""

from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use('Agg')
from matplotlib import pyplot as plt

__all__ = ['STYLE', 'plt', 'save']

STYLE = {
    'axes.grid': True,
    'axes.spines.right': False,
    'axes.spines.top': False,
    'axes.titlesize': 'medium',
    'font.size': 10.0,
    'grid.color': '#dddddd',
    'grid.linewidth': 0.6,
    'lines.linewidth': 1.5,
    'lines.markersize': 5.0,
    'svg.fonttype': 'none',
    'svg.hashsalt': 'study',
}


def save(figure: Any, file: Path, dpi: int = 110) -> Path:
    """Write a figure as PNG or SVG into a file, whose folder is made.

    Args:
        figure (Figure): The figure, which is closed.
        file (Path): A file that ends in ``.svg`` or ``.png``.
        dpi (int): Dots per inch of PNG. Defaults to 110.

    Returns:
        Path: The file.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    metadata = {'Date': None} if file.suffix == '.svg' else None
    figure.savefig(file, metadata=metadata, dpi=dpi)
    plt.close(figure)
    if file.suffix == '.svg':
        lines = file.read_text().splitlines()
        text = '\n'.join(line.rstrip() for line in lines)
        file.write_text(f'{text}\n')
    return file
