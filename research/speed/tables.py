"""Tables of the summary."""

from typing import Any, Optional

from research.common.tables import markdown_table

from .bars import Bar
from .counts import Count
from .findings import GROWING
from .rows import FOREACH, Row
from .runners import NONE

__all__ = [
    'bars_table',
    'counts_table',
    'growth_table',
    'times_table',
]

VERDICTS = {True: 'met', False: 'NOT MET', None: 'not measured'}


def _table(head: list[str], lines: list[list[Any]]) -> str:
    """Write a table of numbers; empty without lines."""
    if not lines:
        return ''
    return markdown_table(head, lines, numbers=True).rstrip()


def bars_table(bars: list[Bar]) -> str:
    """Return the bars as Markdown."""
    lines = [
        [b.goal, b.device, b.measured or '-', VERDICTS[b.met]] for b in bars
    ]
    return _table(['goal', 'device', 'worst of all models', ''], lines)


def times_table(rows: list[Row], what: str) -> str:
    """Return the times of one device and dtype as Markdown.

    A line for each contestant: the ratio to raw foreach (to training without
    averaging where that takes part), and milliseconds. Empty if not measured.
    """
    found = {
        (row.contestant, row.model): row
        for row in rows
        if row.what == what and row.model != GROWING
    }
    models = list(dict.fromkeys(model for _, model in found))
    names = list(dict.fromkeys(name for name, _ in found))

    def cell(name: str, model: str) -> str:
        row = found.get((name, model))
        if row is None:
            return '-'
        base = found.get((NONE, model))
        ratio = row.ratio_to_foreach
        if base is not None:
            ratio = row.median_ms / base.median_ms
        if ratio is None:
            return f'{_short(row.median_ms)} ms'
        return f'{ratio:.2f} ({_short(row.median_ms)})'

    lines = [
        [name, *(cell(name, model) for model in models)] for name in names
    ]
    return _table([f'{what}: ratio (ms)', *models], lines)


def growth_table(rows: list[Row]) -> str:
    """Return ratios to raw foreach by size; empty if not measured."""
    found = {
        (row.megabytes, row.tensors, row.contestant): row
        for row in rows
        if row.model == GROWING
    }
    sizes = list(dict.fromkeys(key[:2] for key in found))
    names = list(dict.fromkeys(key[2] for key in found))
    names = [name for name in names if name != FOREACH]

    def cell(size: tuple[float, int], name: str) -> str:
        row = found.get((*size, name))
        ratio: Optional[float] = row.ratio_to_foreach if row else None
        return '-' if ratio is None else f'{ratio:.2f}'

    lines = []
    for size in sizes:
        floor = found.get((*size, FOREACH))
        lines.append(
            [
                f'{size[1]} tensors, {size[0]:g} MB',
                _short(floor.median_ms) if floor else '-',
                *(cell(size, name) for name in names),
            ]
        )
    titles = ['step: ratio to raw foreach', f'{FOREACH} (ms)', *names]
    return _table(titles, lines)


def counts_table(counts: list[Count]) -> str:
    """Return the counts of one device and dtype; empty without any."""
    found = {(c.what, c.contestant, c.model): c for c in counts}
    models = list(dict.fromkeys(c.model for c in counts))
    kinds = list(dict.fromkeys((c.what, c.contestant) for c in counts))

    def cell(count: Optional[Count]) -> str:
        if count is None:
            return '-'
        if count.unit != 'bytes':
            return f'{count.value:g}'
        size = f'{count.value / 1e6:.1f} MB'
        if not count.reference:
            return size
        return f'{count.value / count.reference:.3f} ({size})'

    lines = [
        [', '.join(kind), *(cell(found.get((*kind, m))) for m in models)]
        for kind in kinds
    ]
    return _table(['', *models], lines)


def _short(number: float) -> str:
    return f'{number:.3g}' if abs(number) < 100 else f'{number:.0f}'
