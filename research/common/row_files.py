"""Rows in files: CSV, or JSON."""

import argparse
import csv
import json
import math
from pathlib import Path
from typing import Any


def check_suffix(path: Path) -> None:
    """Checks that rows can be written into a file of that name.

    Args:
        path (Path): The file.

    Raises:
        ValueError: If it ends in neither .csv nor .json.
    """
    if path.suffix not in ('.csv', '.json'):
        raise ValueError(f'--out must end in .csv or .json, not {path}')


def settings_of(args: argparse.Namespace, samples: int) -> dict[str, Any]:
    """Says what rows are of, in columns that all of them share.

    Args:
        args (argparse.Namespace): The command line.
        samples (int): Number of samples that were there.

    Returns:
        dict: Names to values.
    """
    return dict(
        config=args.config,
        weights=args.weights,
        split=args.split,
        samples=samples,
        batch_size=args.batch_size,
        mode=args.mode,
        seed=args.seed,
    )


def write_rows(path: Path, rows: list[dict[str, Any]]) -> None:
    """Writes rows; a number that is not finite is empty, or null.

    Args:
        path (Path): The file; its folder is made.
        rows (list): Dictionaries of the same keys.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = [{k: finite(v) for k, v in row.items()} for row in rows]
    with open(path, 'w', newline='') as stream:
        if path.suffix == '.json':
            json.dump(rows, stream, indent=1, allow_nan=False)
            return
        writer = csv.DictWriter(stream, list(rows[0]), lineterminator='\n')
        writer.writeheader()
        writer.writerows(rows)


def finite(value: Any) -> Any:
    """Replaces infinite numbers and NaN.

    Args:
        value (Any): A value.

    Returns:
        Any: None for such a number, else the value.
    """
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
