"""Figures picked out of rows and counts, by model."""

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
        """Map models to the medians of a contestant.

        Args:
            what (str): What was done.
            contestant (str): By whom.

        Returns:
            dict[str, float]: Milliseconds.
        """
        return {
            row.model: row.median_ms
            for row in self.rows
            if (row.what, row.contestant) == (what, contestant)
        }

    def ratios(self, what: str, over: str, under: str) -> dict[str, float]:
        """Map models to the ratio of two contestants' medians.

        Args:
            what (str): What was done.
            over (str): One contestant.
            under (str): The other.

        Returns:
            dict[str, float]: The first one's median over the other's.
        """
        upper, lower = self.medians(what, over), self.medians(what, under)
        return {m: upper[m] / lower[m] for m in upper if m in lower}


def fastest_peer(table: Table) -> dict[str, float]:
    """Map models to the fastest peer's time over ours.

    Args:
        table (Table): The medians.

    Returns:
        dict[str, float]: Ratios, above 1 where ours is the fastest.
    """
    by_peer = [table.ratios('step', peer, OURS) for peer in PEERS]
    models = {model for ratios in by_peer for model in ratios}
    return {
        model: min(r[model] for r in by_peer if model in r)
        for model in sorted(models)
    }


def counted(
    counts: list[Count], what: str, over: bool = False
) -> dict[str, float]:
    """Map subjects to our counts.

    Args:
        counts (list[Count]): All.
        what (str): What was counted.
        over (bool): Divide by the reference, where there is one. Defaults
            to False.

    Returns:
        dict[str, float]: Labels to numbers.
    """
    return {
        label(c): c.value / c.reference if over and c.reference else c.value
        for c in counts
        if (c.what, c.contestant) == (what, OUR_HOOK)
    }


def label(count: Count) -> str:
    """Name the subject of a count.

    Args:
        count (Count): The count.

    Returns:
        str: The model, and where it is not usual the device and dtype.
    """
    if (count.device, count.dtype) == ('cpu', 'float32'):
        return count.model
    return f'{count.model}, {count.device}, {count.dtype}'
