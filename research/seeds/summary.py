"""The tables of runs over seeds, as Markdown."""

import statistics
from collections.abc import Iterable

from research.common.tables import markdown_table

from .rows import Row

AVERAGING = {'-ema': 'EMA', '-sema': 'SEMA'}
TEXT = """# {title}

Validation of the last epoch, mean and sample standard deviation over {count}
seeds, then each seed ({seeds}).
"""
END = """
`rows.csv` holds every config, seed, set of weights, epoch and metric;
`environment.json` the machine. *average*: the averaged weights; *origin*: the
weights that the optimizer left, before a switch of `SwitchEMAHook`. Made by

```bash
{command}
```
"""


def summarise(
    rows: list[Row], metrics: list[str], title: str, command: str
) -> str:
    """Write the summary of some rows.

    Args:
        rows (list[Row]): The rows.
        metrics (list[str]): The metrics to show, one table for each.
        title (str): The heading.
        command (str): What has made the rows.

    Returns:
        str: Markdown.
    """
    seeds = sorted({row.seed for row in rows})
    text = TEXT.format(
        title=title, count=len(seeds), seeds=', '.join(map(str, seeds))
    )
    for metric in metrics:
        chosen = [row for row in rows if row.metric == metric]
        if not chosen:
            continue
        text += f'\n## {metric}\n\n{last_epochs(chosen, seeds)}'
        text += f'\nMean over the seeds, epoch by epoch:\n\n{curves(chosen)}'
    return text + END.format(command=command)


def last_epochs(rows: Iterable[Row], seeds: list[int]) -> str:
    """Tabulate the last epochs.

    Args:
        rows (Iterable[Row]): The rows of one metric.
        seeds (list[int]): The seeds that belong in the table.

    Returns:
        str: Markdown, with a dash for what is missing.
    """
    head = ['config', 'averaging', 'weights', 'mean ± std', 'each seed']
    lines = []
    for key, values in grouped(rows).items():
        last = {seed: curve[max(curve)] for seed, curve in values.items()}
        each = [f'{last[s]:.3f}' if s in last else '-' for s in seeds]
        spread = (
            f' ± {statistics.stdev(last.values()):.3f}'
            if len(last) > 1
            else ''
        )
        mean = f'{statistics.mean(last.values()):.3f}{spread}'
        lines.append([*key, mean, ', '.join(each)])
    return markdown_table(head, lines)


def curves(rows: Iterable[Row]) -> str:
    """Tabulate all epochs.

    Args:
        rows (Iterable[Row]): The rows of one metric.

    Returns:
        str: Markdown.
    """
    rows = list(rows)
    first = ', '.join(map(str, sorted({row.epoch for row in rows})[:2]))
    head = ['config', 'averaging', 'weights', f'epochs {first}, ...']
    lines = []
    for key, values in grouped(rows).items():
        epochs = sorted(set.intersection(*map(set, values.values())))
        means = [
            statistics.mean(curve[epoch] for curve in values.values())
            for epoch in epochs
        ]
        lines.append([*key, ', '.join(f'{mean:.3f}' for mean in means)])
    return markdown_table(head, lines)


def grouped(
    rows: Iterable[Row],
) -> dict[tuple[str, str, str], dict[int, dict[int, float]]]:
    """Sort rows by what was trained and evaluated.

    Args:
        rows (Iterable[Row]): The rows of one metric.

    Returns:
        dict: For each config without its averaging, averaging, and set of
        weights, the value by seed and epoch. Siblings are together: without
        averaging, EMA, SEMA.
    """
    result: dict[tuple[str, str, str], dict[int, dict[int, float]]] = {}
    for row in rows:
        key = (*split_name(row.config), row.weights)
        values = result.setdefault(key, {}).setdefault(row.seed, {})
        values[row.epoch] = row.value
    order = ['none', *AVERAGING.values()]
    return dict(
        sorted(
            result.items(),
            key=lambda item: (item[0][0], order.index(item[0][1]), item[0][2]),
        )
    )


def split_name(config: str) -> tuple[str, str]:
    """Split a config's name into that of its baseline and its averaging."""
    for mark, averaging in AVERAGING.items():
        if mark in config:
            return config.replace(mark, ''), averaging
    return config, 'none'
