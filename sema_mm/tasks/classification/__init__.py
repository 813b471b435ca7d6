"""Classification with mmpretrain: backbones for 32 x 32 images, and digits.

Importing this package imports mmpretrain; ``import sema_mm`` does not import
this package.
"""

try:
    import mmpretrain.models  # noqa: F401
except ImportError as error:
    raise ImportError(
        'sema_mm.tasks.classification needs mmpretrain, which cannot be '
        f'imported ({error}). Install it with "pip install mmpretrain".'
    ) from error

from .convnext_cifar import ConvNeXt_CIFAR
from .densenet_cifar import DenseNet_CIFAR
from .digits import Digits
from .pre_act_block import PreActBlock
from .resnext_cifar import ResNeXt_CIFAR
from .wide_resnet import WideResNet

__all__ = [
    'ConvNeXt_CIFAR',
    'DenseNet_CIFAR',
    'Digits',
    'PreActBlock',
    'ResNeXt_CIFAR',
    'WideResNet',
]
