"""Tables as Markdown."""

from collections.abc import Iterable, Sequence
from typing import Any

__all__ = ['markdown_table']


def markdown_table(
    head: Sequence[str], lines: Iterable[Sequence[Any]], numbers: bool = False
) -> str:
    """Write a table as Markdown, with a newline at its end.

    Args:
        head (Sequence[str]): Titles of the columns.
        lines (Iterable[Sequence]): Cells; None is an empty one.
        numbers (bool): Whether to align all columns but the first to the
            right. Defaults to False.

    Returns:
        str: The table; a newline within a cell is ``<br>``.
    """
    side = '---:' if numbers else '---'
    rule = ['---', *[side] * (len(head) - 1)]
    text = ''
    for line in (head, rule, *lines):
        cells = ('' if cell is None else str(cell) for cell in line)
        text += f'| {" | ".join(cells)} |'.replace('\n', '<br>') + '\n'
    return text
