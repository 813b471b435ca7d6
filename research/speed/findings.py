"""Figures picked from rows and counts, by model."""

from collections.abc import Iterable

from .counts import Count
from .peers import OURS, PEERS
from .rows import Row
from .runners import OUR_HOOK

__all__ = ['GROWING', 'Table', 'counted', 'fastest_peer', 'label']

#: The model of the growth, which is no model of the bars.
GROWING = 'synthetic'


class Table:
    """Medians of one device and float32, by model.

    Args:
        rows (Iterable[Row]): All rows.
        device (str): The device.
    """

    def __init__(self, rows: Iterable[Row], device: str) -> None:
        self.rows = [
            row
            for row in rows
            if row.device == device
            and row.dtype == 'float32'
            and row.model != GROWING
        ]

    def medians(self, what: str, contestant: str) -> dict[str, float]:
        """Map models to the median milliseconds of a contestant."""
        return {
            row.model: row.median_ms
            for row in self.rows
            if (row.what, row.contestant) == (what, contestant)
        }

    def ratios(self, what: str, over: str, under: str) -> dict[str, float]:
        """Map models to one contestant's median over another's."""
        upper, lower = self.medians(what, over), self.medians(what, under)
        return {m: upper[m] / lower[m] for m in upper if m in lower}


def fastest_peer(table: Table) -> dict[str, float]:
    """Map models to the fastest peer's time over ours."""
    by_peer = [table.ratios('step', peer, OURS) for peer in PEERS]
    models = {model for ratios in by_peer for model in ratios}
    return {
        model: min(r[model] for r in by_peer if model in r)
        for model in sorted(models)
    }


def counted(
    counts: list[Count], what: str, over: bool = False
) -> dict[str, float]:
    """Map labels to our counts, or to their ratios to the references."""
    return {
        label(c): c.value / c.reference if over and c.reference else c.value
        for c in counts
        if (c.what, c.contestant) == (what, OUR_HOOK)
    }


def label(count: Count) -> str:
    """Return the model of a count, and its device and dtype if unusual."""
    if (count.device, count.dtype) == ('cpu', 'float32'):
        return count.model
    return f'{count.model}, {count.device}, {count.dtype}'
