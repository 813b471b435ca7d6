"""Results so far."""

from dataclasses import dataclass, field

from .counts import Count
from .rows import Row

__all__ = ['Results']


@dataclass
class Results:
    """Rows and counts, and what is missing.

    Attributes:
        rows (list[Row]): Times.
        counts (list[Count]): Numbers without noise.
        missing (dict): What could not be measured, to the reason.
    """

    rows: list[Row] = field(default_factory=list)
    counts: list[Count] = field(default_factory=list)
    missing: dict[str, str] = field(default_factory=dict)
