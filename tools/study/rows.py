"""Rows of a study: one number in each."""

import csv
import dataclasses
from collections.abc import Iterable
from pathlib import Path
from typing import Optional


@dataclasses.dataclass(frozen=True)
class Row:
    """One metric of one network at the end of one epoch.

    Attributes:
        setting (str): Name of the setting: model, optimizer, schedule.
        method (str): What averages, such as ``'sema'``.
        momentum (float, optional): Its momentum; None if it has none.
        interval (int, optional): Iterations from one switch to the next;
            None without switches.
        seed (int): Seed of the run.
        epoch (int): The epoch, counted from 1.
        metric (str): Its name, such as ``'test/accuracy'``.
        value (float): Its value.
    """

    setting: str
    method: str
    momentum: Optional[float]
    interval: Optional[int]
    seed: int
    epoch: int
    metric: str
    value: float


def append_rows(file: Path, rows: Iterable[Row]) -> None:
    """Adds rows to a file, all of them in one write.

    Args:
        file (Path): A CSV file; the first rows make it.
        rows (Iterable[Row]): The rows.
    """
    new = not file.exists()
    with open(file, 'a', newline='') as stream:
        writer = csv.writer(stream, lineterminator='\n')
        if new:
            writer.writerow(f.name for f in dataclasses.fields(Row))
        writer.writerows(map(dataclasses.astuple, rows))


def read_rows(file: Path) -> list[Row]:
    """Reads the rows of a file.

    Args:
        file (Path): A CSV file.

    Returns:
        list[Row]: Its rows; none if there is no file.

    Raises:
        ValueError: If a line is no row.
    """
    if not file.exists():
        return []
    with open(file, newline='') as stream:
        lines = csv.DictReader(stream)
        return [_row(file, lines.line_num, line) for line in lines]


def _row(file: Path, number: int, line: dict[str, str]) -> Row:
    try:
        return Row(
            line['setting'],
            line['method'],
            float(line['momentum']) if line['momentum'] else None,
            int(line['interval']) if line['interval'] else None,
            int(line['seed']),
            int(line['epoch']),
            line['metric'],
            float(line['value']),
        )
    except (KeyError, TypeError, ValueError):
        raise ValueError(
            f'line {number} of {file} is no row of a study: {line}; remove '
            'the line, and the runs that it belongs to are trained again'
        ) from None
