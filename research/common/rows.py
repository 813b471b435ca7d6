"""Rows in CSV files: instances of a dataclass, or dictionaries."""

import dataclasses
import gzip
import typing
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import pandas as pd

__all__ = ['append_rows', 'read_rows', 'rows_file', 'write_rows']

Row = TypeVar('Row')


def rows_file(folder: Path) -> Path:
    """Return ``rows.csv.gz`` of a folder if it exists, else ``rows.csv``."""
    compressed = folder / 'rows.csv.gz'
    return compressed if compressed.exists() else folder / 'rows.csv'


def write_rows(file: Path, rows: Sequence[Any]) -> None:
    """Write rows, at least one, into a new file.

    Args:
        file (Path): A file that ends in ``.csv``, or in ``.csv.gz`` to be
            compressed.
        rows (Sequence): Instances of one dataclass, or dictionaries with the
            same keys. None is an empty cell.
    """
    file.write_bytes(_encode(file, rows, header=True))


def append_rows(file: Path, rows: Sequence[Any]) -> None:
    """Add rows to a file in one write; the first ones create it.

    Args:
        file (Path): As in :func:`write_rows`.
        rows (Sequence): As in :func:`write_rows`.
    """
    header = not (file.exists() and file.stat().st_size)
    with open(file, 'ab') as stream:
        stream.write(_encode(file, rows, header))


def read_rows(file: Path, kind: type[Row]) -> list[Row]:
    """Read the rows of a file.

    Args:
        file (Path): As in :func:`write_rows`.
        kind (type): A dataclass of strings and numbers. An empty cell is
            None where its field is optional.

    Returns:
        list[Row]: Its rows; none if there is no file.

    Raises:
        ValueError: If the file is damaged or a line is no row.
    """
    if not file.exists() or not file.stat().st_size:
        return []
    try:
        frame = pd.read_csv(
            file, dtype=str, keep_default_na=False, index_col=False
        )
    except (EOFError, OSError, ValueError) as error:
        raise ValueError(f'{file} is damaged: {str(error).strip()}') from error
    types = typing.get_type_hints(kind)
    return [
        _row(file, number, line, types, kind)
        for number, line in enumerate(frame.to_dict('records'), 2)
    ]


def _encode(file: Path, rows: Sequence[Any], header: bool) -> bytes:
    first = rows[0]
    names = [*first] if isinstance(first, Mapping) else _names(first)
    # As objects: a column with None keeps its whole numbers.
    frame = pd.DataFrame(map(_cells, rows), columns=names, dtype=object)
    text = frame.to_csv(index=False, header=header, lineterminator='\n')
    data = text.encode()
    return gzip.compress(data, mtime=0) if file.suffix == '.gz' else data


def _names(row: Any) -> list[str]:
    return [field.name for field in dataclasses.fields(row)]


def _cells(row: Any) -> list[Any]:
    cells = row.values() if isinstance(row, Mapping) else vars(row).values()
    # pandas writes NaN as an empty cell, which is None here.
    return ['nan' if cell != cell else cell for cell in cells]


def _row(
    file: Path,
    number: int,
    line: Mapping[Any, str],
    types: Mapping[str, Any],
    kind: type[Row],
) -> Row:
    try:
        cells = {name: _cell(line[name], t) for name, t in types.items()}
        return kind(**cells)
    except (KeyError, ValueError):
        raise ValueError(
            f'line {number} of {file} is no row of {", ".join(types)}: '
            f'{dict(line)}; remove the line, and what it belongs to is done '
            'again'
        ) from None


def _cell(text: str, kind: Any) -> Any:
    options = typing.get_args(kind)
    if not options:
        return kind(text)
    return options[0](text) if text else None
