"""Write what mmengine has logged as rows: one number in each.

The columns are run, kind, epoch, step, metric and value, see
:class:`research.common.scalars.Scalar`; a broken line is an error::

    python -m research.analysis.scalars WORK_DIR... --out rows.csv
"""

import argparse
import sys
from pathlib import Path

from research.common.rows import write_rows
from research.common.scalars import Scalar, read_scalars


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('folders', nargs='+', type=Path, metavar='WORK_DIR')
    parser.add_argument('--out', type=Path, required=True, metavar='FILE')
    parser.add_argument('--kind', choices=['train', 'val'], help='only these')
    parser.add_argument('--metrics', nargs='+', help='only these')
    return parser.parse_args()


def wanted(row: Scalar, args: argparse.Namespace) -> bool:
    """Return whether a row was asked for."""
    kind = args.kind in (None, row.kind)
    return kind and (args.metrics is None or row.metric in args.metrics)


def main() -> None:
    """Read everything, and write if nothing is broken."""
    args = parse_args()
    try:
        rows = [r for f in args.folders for r in read_scalars(f)]
    except (OSError, ValueError) as error:
        sys.exit(f'error: {error}')
    chosen = [row for row in rows if wanted(row, args)]
    if not chosen:
        names = ', '.join(sorted({row.metric for row in rows}))
        sys.exit(f'error: no such row; the metrics are {names}')
    write_rows(args.out, chosen)


if __name__ == '__main__':
    main()
