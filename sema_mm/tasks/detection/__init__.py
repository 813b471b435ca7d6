"""Real data, as datasets of the OpenMMLab libraries.

Each dataset is imported with its first use, and its library with it:
mmpretrain with :class:`Digits` and :class:`STL10`, mmdet with
:class:`DigitsCoco`. The digits are embedded, STL-10 is not.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .digits import Digits
    from .digits_coco import DigitsCoco
    from .stl10 import STL10

__all__ = ['STL10', 'Digits', 'DigitsCoco']

_MODULES = {
    'Digits': '.digits',
    'DigitsCoco': '.digits_coco',
    'STL10': '.stl10',
}


def __getattr__(name: str) -> Any:
    """Import the module of a dataset.

    Args:
        name (str): Name of the dataset.

    Returns:
        type: The dataset.

    Raises:
        AttributeError: If there is no such dataset.
    """
    if name not in _MODULES:
        raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
    return getattr(importlib.import_module(_MODULES[name], __name__), name)
