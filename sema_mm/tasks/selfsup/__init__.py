"""Self-supervised learning with mmpretrain, evaluated by nearest neighbours.

Importing this package imports mmpretrain; ``import sema_mm`` does not import
this package.
"""

try:
    import mmpretrain.models  # noqa: F401
except ImportError as error:
    raise ImportError(
        'sema_mm.tasks.selfsup needs mmpretrain, which cannot be imported '
        f'({error}). Install it with "pip install mmpretrain".'
    ) from error

from .knn_loops import KNNTestLoop, KNNValLoop
from .simmim_vit import SimMIMViT
from .stl10 import STL10

__all__ = ['STL10', 'KNNTestLoop', 'KNNValLoop', 'SimMIMViT']
