"""Summaries of samples."""

import statistics
from dataclasses import dataclass
from typing import Optional

from .measure import Samples

__all__ = ['FLAT', 'FOREACH', 'Row', 'Subject', 'make_rows']

#: The floors, which every other contestant is compared with.
FOREACH = 'floor: raw foreach'
FLAT = 'floor: one flat call'


@dataclass(frozen=True)
class Subject:
    """What is measured, in the first columns of every row.

    Attributes:
        device (str): 'cpu' or 'cuda'.
        dtype (str): Of the model: 'float32' or 'bfloat16'.
        model (str): Its name.
        tensors (int): Number of its trainable tensors.
        megabytes (float): Their size, 1e6 bytes.
    """

    device: str
    dtype: str
    model: str
    tensors: int
    megabytes: float


@dataclass(frozen=True)
class Row:
    """Summary of the samples of one contestant, times in milliseconds.

    Attributes:
        device (str): As in :class:`Subject`, and so on.
        what (str): What was done.
        contestant (str): How, or by whom.
        n (int): Number of samples.
        ratio_to_foreach (float, optional): Median over that of the floor
            with raw foreach calls, where there is one.
        ratio_to_flat (float, optional): The same for one flat call.
    """

    device: str
    dtype: str
    model: str
    tensors: int
    megabytes: float
    what: str
    contestant: str
    n: int
    median_ms: float
    q25_ms: float
    q75_ms: float
    min_ms: float
    ratio_to_foreach: Optional[float] = None
    ratio_to_flat: Optional[float] = None


def make_rows(subject: Subject, what: str, samples: Samples) -> list[Row]:
    """Return a summary of each contestant from its milliseconds."""
    medians = {k: statistics.median(v) for k, v in samples.items() if v}

    def ratio(name: str, floor: str) -> Optional[float]:
        return medians[name] / medians[floor] if floor in medians else None

    rows = []
    for name, median in medians.items():
        values = samples[name]
        low, _, high = (
            statistics.quantiles(values, n=4, method='inclusive')
            if len(values) > 1
            else [median] * 3
        )
        rows.append(
            Row(
                **vars(subject),
                what=what,
                contestant=name,
                n=len(values),
                median_ms=median,
                q25_ms=low,
                q75_ms=high,
                min_ms=min(values),
                ratio_to_foreach=ratio(name, FOREACH),
                ratio_to_flat=ratio(name, FLAT),
            )
        )
    return rows
