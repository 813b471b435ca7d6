"""ConvNeXt for 32 x 32 images."""

from typing import Any, Union

from mmpretrain.models import ConvNeXt
from mmpretrain.registry import MODELS
from torch import nn

__all__ = ['ConvNeXt_CIFAR']


@MODELS.register_module()
class ConvNeXt_CIFAR(ConvNeXt):
    """ConvNeXt (arXiv 2201.03545) with a stem that keeps the resolution.

    The stem is a 3 x 3 convolution of stride 1 with its norm, in the place
    of patches of 4 x 4 pixels. The stages are those of
    :class:`mmpretrain.models.ConvNeXt`, for images of 32 pixels 32, 16, 8
    and 4 pixels wide.

    Args:
        arch (str | dict): ``'tiny'``, ``'small'`` or another name that
            ``ConvNeXt`` knows, or a dict with ``depths`` and ``channels``.
            Defaults to ``'tiny'``.
        in_channels (int): Channels of the images. Defaults to 3.
        **kwargs: Other arguments of :class:`mmpretrain.models.ConvNeXt`,
            without ``stem_patch_size``.

    Examples:
        >>> backbone = ConvNeXt_CIFAR(arch='tiny')
        >>> backbone(torch.rand(2, 3, 32, 32))[0].shape
        torch.Size([2, 768])
    """

    def __init__(
        self,
        arch: Union[str, dict] = 'tiny',
        in_channels: int = 3,
        **kwargs: Any,
    ) -> None:
        super().__init__(arch, in_channels, stem_patch_size=3, **kwargs)
        stem = self.downsample_layers[0]
        stem[0] = nn.Conv2d(in_channels, self.channels[0], 3, padding=1)
