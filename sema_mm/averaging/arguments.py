"""Checks of arguments."""

import math
import numbers
from typing import Any, Optional

__all__ = ['check_count', 'check_flag', 'check_number']


def check_count(
    name: str, value: Any, least: int, optional: bool = False
) -> None:
    """Check that an argument is an integer of at least ``least``, or None.

    Args:
        name (str): The argument's name.
        value (Any): The argument.
        least (int): The smallest good value.
        optional (bool): Whether None is good as well. Defaults to False.

    Raises:
        TypeError: If it is not a whole number.
        ValueError: If it is too small.
    """
    if value is None and optional:
        return
    if isinstance(value, bool) or not isinstance(value, numbers.Integral):
        raise TypeError(
            f'{name} must be a whole number of at least {least}'
            f'{" or None" if optional else ""}; got {value!r}'
        )
    if value < least:
        raise ValueError(f'{name}={value} must be at least {least}')


def check_flag(name: str, value: Any) -> None:
    """Raise a TypeError unless an argument is True or False."""
    if not isinstance(value, bool):
        raise TypeError(f'{name} must be True or False; got {value!r}')


def check_number(name: str, value: Any, meaning: Optional[str] = None) -> None:
    """Check that an argument is a finite real number.

    Args:
        name (str): The argument's name.
        value (Any): The argument.
        meaning (str, optional): What it is, for the error. Defaults to
            None.

    Raises:
        TypeError: If it is not a number.
        ValueError: If it is infinite or not a number (NaN).
    """
    what = f', {meaning}' if meaning else ''
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise TypeError(f'{name} must be a number{what}; got {value!r}')
    if not math.isfinite(value):
        raise ValueError(f'{name}={value} must be a finite number{what}')
