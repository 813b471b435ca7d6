"""Visual regression with mmpretrain: head, metric and data sets.

Targets are real numbers in ``gt_score``, predictions in ``pred_score``, both
of shape ``(1, )``: mmpretrain's ``gt_label`` is cut to a whole number.
Importing this package imports mmpretrain; ``import sema_mm`` does not import
this package.
"""

try:
    import mmpretrain  # noqa: F401
except ImportError as error:
    raise ImportError(
        'sema_mm.tasks.regression needs mmpretrain, which cannot be imported '
        f'({error}). Install it with "pip install mmpretrain".'
    ) from error

from .age_dataset import AgeDataset
from .agedb import AgeDB
from .fashion_silhouettes import FashionSilhouettes
from .imdb_wiki import IMDBWiki
from .rcfmnist import RCFMNIST
from .regression_head import RegressionHead
from .regression_metric import RegressionMetric
from .rotated_fashion import RotatedFashion

__all__ = [
    'AgeDB',
    'AgeDataset',
    'FashionSilhouettes',
    'IMDBWiki',
    'RCFMNIST',
    'RegressionHead',
    'RegressionMetric',
    'RotatedFashion',
]
