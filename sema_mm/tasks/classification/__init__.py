"""Backbones that mmpretrain lacks: for 32 x 32 images, and for SimMIM.

Importing this package imports mmpretrain; ``import sema_mm`` does not import
this package.
"""

try:
    import mmpretrain.models  # noqa: F401
except ImportError as error:
    raise ImportError(
        'sema_mm.models needs mmpretrain, which cannot be imported '
        f'({error}). Install it with "pip install mmpretrain".'
    ) from error

from .convnext_cifar import ConvNeXt_CIFAR
from .densenet_cifar import DenseNet_CIFAR
from .pre_act_block import PreActBlock
from .resnext_cifar import ResNeXt_CIFAR
from .simmim_vit import SimMIMViT
from .wide_resnet import WideResNet

__all__ = [
    'ConvNeXt_CIFAR',
    'DenseNet_CIFAR',
    'PreActBlock',
    'ResNeXt_CIFAR',
    'SimMIMViT',
    'WideResNet',
]
