"""What demo.classification reports: curves from the logs, table, figure."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional

import pandas as pd
from rich.table import Table

from research.common.figures import plt, save
from research.common.training_runs import read_validations

METRIC = 'accuracy/top1'
GOAL = 95.0
COLORS = {'baseline': '#bbbbbb', 'EMA': '#0072b2', 'SEMA': '#d55e00'}


@dataclass
class Curve:
    """Validation accuracies of one run, in percent.

    Attributes:
        name (str): Name of the run.
        epochs (list[int]): The validated epochs, counted from 1.
        average (list[float], optional): Accuracy of the averaged weights
            after each of them; None if the run has no average.
        origin (list[float]): Accuracy of the weights that the optimizer
            left.
        seconds (float, optional): Median seconds from the end of one epoch
            to that of the next, validation and checkpoint included; None
            with one epoch.
    """

    name: str
    epochs: list[int]
    average: Optional[list[float]]
    origin: list[float]
    seconds: Optional[float]

    def weights(self) -> dict[str, list[float]]:
        """Name the accuracies.

        Returns:
            dict[str, list[float]]: Those of the average, if there is one,
            and those of the origin.
        """
        origin = {'origin': self.origin}
        if self.average is None:
            return origin
        return {'average': self.average, **origin}


def read_curve(name: str, folder: Path, ends: list[float]) -> Curve:
    """Read the accuracies of the latest run in a work_dir.

    Args:
        name (str): Name of the run.
        folder (Path): The work_dir.
        ends (list[float]): When the validation of each epoch ended, in
            seconds.

    Returns:
        Curve: The accuracies.
    """
    rows = read_validations(folder, METRIC)
    best = [row[METRIC] for row in rows]
    averaged = all(f'{METRIC}_origin' in row for row in rows)
    gaps = sorted(b - a for a, b in zip(ends, ends[1:]))
    return Curve(
        name,
        [row['step'] for row in rows],
        best if averaged else None,
        [row[f'{METRIC}_origin'] for row in rows] if averaged else best,
        gaps[len(gaps) // 2] if gaps else None,
    )


def summary(curve: Curve) -> list[dict[str, Any]]:
    """Sum up a run, one row for each of its sets of weights.

    Returns:
        list[dict]: The rows of the table.
    """
    return [
        {
            'run': curve.name,
            'weights': weights,
            'final': values[-1],
            'best': max(values),
            'first_epoch_at_95': next(
                (e for e, v in zip(curve.epochs, values) if v >= GOAL), None
            ),
            'seconds_per_epoch': curve.seconds,
        }
        for weights, values in curve.weights().items()
    ]


def table(curves: list[Curve], seed: int) -> Table:
    """Show the runs side by side."""
    result = Table(title=f'Validation accuracy on the digits, seed {seed}')
    result.add_column('run')
    result.add_column('weights')
    for title in ('final %', 'best %', 'first epoch\nat 95 %', 's / epoch'):
        result.add_column(title, justify='right')
    for curve in curves:
        for row in summary(curve):
            first, seconds = row['first_epoch_at_95'], row['seconds_per_epoch']
            result.add_row(
                row['run'],
                row['weights'],
                f'{row["final"]:.2f}',
                f'{row["best"]:.2f}',
                '-' if first is None else str(first),
                '-' if seconds is None else f'{seconds:.1f}',
            )
        result.add_section()
    return result


def write_rows(curves: list[Curve], seed: int, folder: Path) -> None:
    """Write what the table and the figure show.

    Args:
        curves (list[Curve]): The runs.
        seed (int): Their seed.
        folder (Path): Where ``curves.csv`` and ``table.json`` go.
    """
    rows = [
        [seed, curve.name, weights, epoch, value]
        for curve in curves
        for weights, values in curve.weights().items()
        for epoch, value in zip(curve.epochs, values)
    ]
    columns = ['seed', 'run', 'weights', 'epoch', METRIC]
    pd.DataFrame(rows, columns=columns).to_csv(
        folder / 'curves.csv',
        index=False,
        float_format='%.4f',
        lineterminator='\r\n',
    )
    ends = [row for curve in curves for row in summary(curve)]
    text = json.dumps({'seed': seed, 'rows': ends}, indent=2)
    (folder / 'table.json').write_text(f'{text}\n')


def draw(curves: list[Curve], path: Path) -> None:
    """Draw the curves of all runs into one figure.

    Args:
        curves (list[Curve]): The runs.
        path (Path): The file, whose suffix says its format.
    """
    figure, axes = plt.subplots(figsize=(7, 4.5), layout='constrained')
    for curve in curves:
        for weights, values in curve.weights().items():
            live = weights == 'origin' and curve.average is not None
            axes.plot(
                curve.epochs,
                values,
                color=COLORS[curve.name],
                linestyle=':' if live else '-',
                # Wide, as the origin of EMA lies on it.
                linewidth=5 if curve.name == 'baseline' else 1.5,
                marker='.',
                label=f'{curve.name}, {weights}',
            )
    axes.axhline(GOAL, color='#777777', linewidth=0.5, zorder=0)
    low = min(min(v) for c in curves for v in c.weights().values())
    high = max(max(v) for c in curves for v in c.weights().values())
    axes.set_ylim(80 if high > 90 > 80 > low else None, 100.5)
    axes.set_xlabel('epoch')
    axes.set_ylabel('validation accuracy (%)')
    axes.set_title('Digits: weights of the average and of the optimizer')
    axes.legend()
    save(figure, path, dpi=150)
