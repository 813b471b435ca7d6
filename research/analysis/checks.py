"""Check of the arguments that the measurements share."""

from collections.abc import Sequence
from typing import Any

from sema_mm.averaging.arguments import check_number

__all__ = [
    'MODES',
    'check_batches',
    'check_mode',
    'check_positive',
]

#: What BatchNorm normalises with: running statistics, or those of a batch.
MODES = ('eval', 'train')


def check_mode(mode: Any) -> None:
    """Check the name of a mode.

    Raises:
        ValueError: If it is none of ``MODES``.
    """
    if mode not in MODES:
        raise ValueError(f"mode={mode!r} must be 'eval' or 'train'")


def check_positive(name: str, value: Any) -> None:
    """Check for a finite number above 0.

    Args:
        name (str): The argument's name.
        value (float): The argument.

    Raises:
        ValueError: If it is not above 0.
    """
    check_number(name, value)
    if value <= 0:
        raise ValueError(f'{name}={value} must be above 0')


def check_batches(batches: Any) -> None:
    """Check for batches that can be read as often as it takes.

    Raises:
        TypeError: If it is no sequence.
        ValueError: If it is empty, or holds no sample.
    """
    if not isinstance(batches, Sequence):
        raise TypeError(
            'batches must be a list of (inputs, targets), which is read '
            f'many times; got {type(batches).__name__}: write list(...)'
        )
    if not any(len(targets) for _, targets in batches):
        raise ValueError('batches hold no sample')
