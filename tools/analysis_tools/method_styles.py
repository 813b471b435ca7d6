"""How each method looks in every figure, in colour and without."""

import dataclasses
from typing import Union


@dataclasses.dataclass(frozen=True)
class Style:
    """Colour of a method, and what tells it apart without colours.

    Attributes:
        color (str): Colour, from the palette of Okabe and Ito.
        line (str or tuple): matplotlib's line style.
        marker (str): matplotlib's marker.
    """

    color: str
    line: Union[str, tuple[int, tuple[int, ...]]]
    marker: str


STYLES = {
    'baseline': Style('black', '-', 'o'),
    'EMA': Style('#0072B2', '--', 's'),
    'SEMA': Style('#D55E00', '-.', '^'),
    'SWA': Style('#009E73', ':', 'D'),
    'Lookahead': Style('#CC79A7', (0, (5, 1, 1, 1, 1, 1)), 'v'),
}
