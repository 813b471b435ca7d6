"""The methods of a study: their order, names and looks."""

import dataclasses
from typing import Union

__all__ = ['METHODS', 'Method']


@dataclasses.dataclass(frozen=True)
class Method:
    """How a method is called and drawn.

    Attributes:
        label (str): Its name in tables and figures.
        color (str): Of the palette of Okabe and Ito, which the colour-blind
            can tell apart.
        marker (str): matplotlib's marker.
        line (str or tuple): matplotlib's line style.
        filled (bool): Whether the marker is.
    """

    label: str
    color: str
    marker: str
    line: Union[str, tuple[int, tuple[int, ...]]]
    filled: bool = True


EMA, SEMA = '#0072B2', '#D55E00'
#: Key in the rows to looks; with ``-bn``, the statistics of BatchNorm are
#: estimated anew for the averaged weights.
METHODS = {
    'baseline': Method('baseline', 'black', 'o', '-'),
    'ema': Method('EMA', EMA, 's', '--'),
    'ema-bn': Method('EMA-BN', EMA, 's', '--', False),
    'sema': Method('SEMA', SEMA, 'D', '-.'),
    'sema-bn': Method('SEMA-BN', SEMA, 'D', '-.', False),
    'swa': Method('SWA', '#009E73', '^', ':'),
    'lookahead': Method('Lookahead', '#CC79A7', 'v', (0, (5, 1, 1, 1, 1, 1))),
}
