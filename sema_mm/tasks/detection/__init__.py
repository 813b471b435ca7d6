"""Detection and instance segmentation of real digits, for mmdet.

Importing this package imports mmdet; ``import sema_mm`` does not import this
package.
"""

try:
    import mmdet  # noqa: F401
except ImportError as error:
    raise ImportError(
        'sema_mm.tasks.detection needs mmdet, which cannot be imported '
        f'({error}). Install it with "pip install mmdet".'
    ) from error

from .digits_coco import DigitsCoco

__all__ = ['DigitsCoco']
