"""Rows of the decision boundaries."""

import csv
import dataclasses
from collections.abc import Iterable
from pathlib import Path
from typing import TypeVar

Row = TypeVar('Row', 'Accuracy', 'Probability')


@dataclasses.dataclass(frozen=True)
class Accuracy:
    """A test accuracy.

    Attributes:
        data (str): 'circles' or 'moons'.
        method (str): 'baseline', 'EMA' or 'SEMA'.
        seed (int): Seed of the training; the data do not depend on it.
        epoch (int): The epoch, counted from 1.
        value (float): Fraction of the test points that are right.
    """

    data: str
    method: str
    seed: int
    epoch: int
    value: float


@dataclasses.dataclass(frozen=True)
class Probability:
    """What a trained network says of one point of the plane.

    Attributes:
        data (str): 'circles' or 'moons'.
        method (str): 'baseline', 'EMA' or 'SEMA'.
        seed (int): Seed of the training.
        x (float): First coordinate.
        y (float): Second coordinate.
        value (float): Probability of class 1.
    """

    data: str
    method: str
    seed: int
    x: float
    y: float
    value: float


def write_rows(file: Path, rows: Iterable[Row], kind: type[Row]) -> None:
    """Writes rows into a new file.

    Args:
        file (Path): A CSV file.
        rows (Iterable[Row]): The rows.
        kind (type): Their class.
    """
    with open(file, 'w', newline='') as stream:
        writer = csv.writer(stream, lineterminator='\n')
        writer.writerow(field.name for field in dataclasses.fields(kind))
        writer.writerows(map(dataclasses.astuple, rows))


def read_rows(file: Path, kind: type[Row]) -> list[Row]:
    """Reads the rows of a file.

    Args:
        file (Path): A CSV file.
        kind (type): Their class.

    Returns:
        list[Row]: The rows.
    """
    types = [field.type for field in dataclasses.fields(kind)]
    with open(file, newline='') as stream:
        lines = csv.reader(stream)
        next(lines)
        return [kind(*(t(v) for t, v in zip(types, line))) for line in lines]
