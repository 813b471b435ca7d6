"""ResNeXt for 32 x 32 images."""

from mmpretrain.models import ResNet_CIFAR, ResNeXt
from mmpretrain.registry import MODELS

__all__ = ['ResNeXt_CIFAR']


@MODELS.register_module()
class ResNeXt_CIFAR(ResNet_CIFAR, ResNeXt):
    """ResNeXt (arXiv 1611.05431) with the stem of ``ResNet_CIFAR``.

    The stem is a 3 x 3 convolution of stride 1 with its norm and ReLU, with
    no pooling after it; the stages are those of
    :class:`mmpretrain.models.ResNeXt`, for images of 32 pixels 32, 16, 8 and
    4 pixels wide.

    Args:
        depth (int): 50, 101 or 152.
        groups (int): Groups of the 3 x 3 convolutions. Defaults to 32.
        width_per_group (int): Channels of one group in the first stage.
            Defaults to 4.
        **kwargs: Other arguments of :class:`mmpretrain.models.ResNeXt`,
            without ``deep_stem``.

    Examples:
        >>> backbone = ResNeXt_CIFAR(depth=50)
        >>> backbone(torch.rand(2, 3, 32, 32))[0].shape
        torch.Size([2, 2048, 4, 4])
    """
