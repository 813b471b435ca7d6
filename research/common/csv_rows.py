"""Dataclasses as the rows of a CSV file."""

import csv
import dataclasses
import typing
from collections.abc import Iterable
from pathlib import Path
from typing import Any, TypeVar

__all__ = ['append_rows', 'read_rows', 'write_rows']

Row = TypeVar('Row')


def write_rows(file: Path, kind: type[Row], rows: Iterable[Row]) -> None:
    """Writes rows into a new file.

    Args:
        file (Path): A CSV file.
        kind (type): Their dataclass, whose fields are the columns.
        rows (Iterable[Row]): The rows.
    """
    _write(file, 'w', kind, rows)


def append_rows(file: Path, kind: type[Row], rows: Iterable[Row]) -> None:
    """Adds rows to a file, all of them in one write; the first ones make it.

    Args:
        file (Path): A CSV file.
        kind (type): Their dataclass, whose fields are the columns.
        rows (Iterable[Row]): The rows.
    """
    _write(file, 'a', kind, rows)


def read_rows(file: Path, kind: type[Row]) -> list[Row]:
    """Reads the rows of a file.

    Args:
        file (Path): A CSV file.
        kind (type): Their dataclass, of texts and numbers. An empty cell is
            None where its field is optional.

    Returns:
        list[Row]: Its rows; none if there is no file.

    Raises:
        ValueError: If a line is no row.
    """
    if not file.exists():
        return []
    types = typing.get_type_hints(kind)
    with open(file, newline='') as stream:
        lines = csv.DictReader(stream)
        return [
            _row(file, lines.line_num, line, types, kind) for line in lines
        ]


def _write(
    file: Path, mode: str, kind: type[Row], rows: Iterable[Row]
) -> None:
    with open(file, mode, newline='') as stream:
        writer = csv.writer(stream, lineterminator='\n')
        if stream.tell() == 0:
            writer.writerow(field.name for field in dataclasses.fields(kind))
        writer.writerows(map(dataclasses.astuple, rows))


def _row(
    file: Path,
    number: int,
    line: dict[str, str],
    types: dict[str, Any],
    kind: type[Row],
) -> Row:
    try:
        cells = {name: _cell(line[name], t) for name, t in types.items()}
    except (KeyError, TypeError, ValueError):
        raise ValueError(
            f'line {number} of {file} is no row of {", ".join(types)}: '
            f'{line}; remove the line, and what it belongs to is done again'
        ) from None
    return kind(**cells)


def _cell(text: str, kind: Any) -> Any:
    if text is None:
        raise ValueError('the line is too short')
    options = typing.get_args(kind)
    if not options:
        return kind(text)
    return options[0](text) if text else None
