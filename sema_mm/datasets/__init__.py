"""Embedded real data, as datasets of the OpenMMLab libraries.

Importing this package imports mmpretrain; ``import sema_mm`` does not import
this package.
"""

from .digits import Digits

__all__ = ['Digits']
