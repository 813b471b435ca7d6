"""DenseNet for 32 x 32 images."""

from typing import Any, Union

from mmpretrain.models import DenseNet
from mmpretrain.registry import MODELS
from torch import nn

from .pre_act_block import HE_INIT

__all__ = ['DenseNet_CIFAR']


@MODELS.register_module()
class DenseNet_CIFAR(DenseNet):
    """DenseNet (arXiv 1608.06993) with the stem of its CIFAR experiments.

    The stem is a bare 3 x 3 convolution of stride 1: its norm and activation
    are those with which each layer of the first dense block begins, and no
    pooling follows. With the four dense blocks of
    :class:`mmpretrain.models.DenseNet`, images of 32 pixels become 32, 16, 8
    and 4 pixels wide.

    Args:
        arch (str | dict): ``'121'``, ``'161'``, ``'169'`` or ``'201'``, or
            a dict with ``growth_rate``, ``depths`` and ``init_channels``.
            Defaults to ``'121'``.
        in_channels (int): Channels of the images. Defaults to 3.
        init_cfg (dict | list[dict], optional): Initialization of the
            weights. Defaults to He's, as in the paper.
        **kwargs: Other arguments of :class:`mmpretrain.models.DenseNet`.

    Examples:
        >>> backbone = DenseNet_CIFAR(arch='121')
        >>> backbone(torch.rand(2, 3, 32, 32))[0].shape
        torch.Size([2, 1024, 4, 4])
    """

    def __init__(
        self,
        arch: Union[str, dict] = '121',
        in_channels: int = 3,
        init_cfg: Union[dict, list[dict], None] = None,
        **kwargs: Any,
    ) -> None:
        kwargs['init_cfg'] = init_cfg or HE_INIT
        super().__init__(arch, in_channels, **kwargs)
        self.stem = nn.Conv2d(
            in_channels, self.init_channels, 3, padding=1, bias=False
        )
