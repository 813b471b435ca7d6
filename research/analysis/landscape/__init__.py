"""The loss along directions, and between solutions."""

from .paths import barrier, line, plane
from .slices import slice_1d, slice_2d

__all__ = ['barrier', 'line', 'plane', 'slice_1d', 'slice_2d']
