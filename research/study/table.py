"""A table of texts, and how numbers become texts."""

import dataclasses
import statistics
from collections.abc import Collection
from typing import Optional

from research.common.tables import markdown_table

from .quantity import Quantity

__all__ = [
    'NOTHING',
    'Table',
    'interval',
    'mean_and_spread',
    'number',
    'probability',
]

NOTHING = '–'
DIGITS = {'%': 2, 'epochs': 2}


@dataclasses.dataclass(frozen=True)
class Table:
    """A table.

    Attributes:
        title (str): Its heading.
        head (list[str]): The columns.
        lines (list[list[str]]): The cells; the first of each line names it.
        note (str): What a reader must know. Defaults to ''.
        words (bool): Whether its cells are words rather than numbers.
            Defaults to False.
    """

    title: str
    head: list[str]
    lines: list[list[str]]
    note: str = ''
    words: bool = False

    @property
    def markdown(self) -> str:
        """str: The table alone, as Markdown."""
        return markdown_table(self.head, self.lines, not self.words)


def number(value: float, quantity: Quantity, signed: bool = False) -> str:
    """Write a number of a quantity.

    Args:
        value (float): The number.
        quantity (Quantity): The quantity.
        signed (bool): Also the sign of what is positive. Defaults to False.

    Returns:
        str: Two decimals for percent and epochs, else three digits.
    """
    digits = DIGITS.get(quantity.unit)
    kind = '#.3g' if digits is None else f'.{digits}f'
    text = format(value, ('+' if signed else '') + kind)
    return text.rstrip('.').replace('-', '−')


def mean_and_spread(values: Collection[float], quantity: Quantity) -> str:
    """Write what seeds have found.

    Args:
        values (Collection[float]): A number of each seed.
        quantity (Quantity): The quantity.

    Returns:
        str: Mean and sample standard deviation.
    """
    if not values:
        return NOTHING
    text = number(statistics.mean(values), quantity)
    if len(values) < 2:
        return text
    if 'e' in text:
        return f'{text} ± {number(statistics.stdev(values), quantity)}'
    # With the decimals of the mean.
    decimals = len(text.partition('.')[2])
    return f'{text} ± {statistics.stdev(values):.{decimals}f}'


def interval(ends: tuple[float, float], quantity: Quantity) -> str:
    """Return the ends of an interval in brackets."""
    return '[{}, {}]'.format(*(number(e, quantity, True) for e in ends))


def probability(p: Optional[float]) -> str:
    """Return a p-value with three decimals."""
    if p is None:
        return NOTHING
    return '< 0.001' if p < 0.001 else f'{p:.3f}'
