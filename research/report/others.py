"""What other committed runs over seeds have found."""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Optional

from research.common.rows import read_rows, rows_file
from research.seeds.rows import Row
from research.seeds.summary import grouped
from research.study.quantity import Quantity
from research.study.table import NOTHING, Table, mean_and_spread

__all__ = ['others_table']

AVERAGINGS = ['none', 'EMA', 'SEMA']


def others_table(folders: Iterable[Path]) -> Optional[Table]:
    """Tabulate runs of ``research.seeds``.

    Args:
        folders (Iterable[Path]): What it has written.

    Returns:
        Table, optional: A line for each config and its siblings, by the
        first metric that the summary of its folder shows; None without any.

    Raises:
        ValueError: If a folder has no summary with a metric.
    """
    lines = [line for folder in folders for line in _lines(folder)]
    head = ['config', 'metric', 'seeds', 'baseline', 'EMA', 'SEMA']
    note = (
        'Validation of the last epoch, mean ± standard deviation over the '
        'seeds, at a momentum that was not chosen: no claim rests on them.'
    )
    return Table('Other tasks', head, lines, note) if lines else None


def _lines(folder: Path) -> list[list[str]]:
    summary = folder / 'summary.md'
    found = re.search(r'^## (\S+/\S+)$', summary.read_text(), re.M)
    if not found:
        raise ValueError(f'{summary} has no heading that is a metric')
    metric = found[1]
    every = read_rows(rows_file(folder), Row)
    rows = [row for row in every if row.metric == metric]
    quantity = Quantity(metric, '', 1, lambda *_: {})
    cells: dict[str, dict[str, str]] = {}
    seeds: dict[str, int] = {}
    # 'average' comes before 'origin': of what averages, the average counts.
    for (config, averaging, _), runs in grouped(rows).items():
        values = [curve[max(curve)] for curve in runs.values()]
        text = mean_and_spread(values, quantity)
        cells.setdefault(config, {}).setdefault(averaging, text)
        seeds[config] = max(seeds.get(config, 0), len(values))
    return [
        [
            f'`{config}`',
            f'`{metric}`',
            str(seeds[config]),
            *(texts.get(averaging, NOTHING) for averaging in AVERAGINGS),
        ]
        for config, texts in cells.items()
    ]
