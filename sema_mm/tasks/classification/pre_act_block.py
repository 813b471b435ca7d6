"""The residual block whose norms and activations precede convolutions."""

from typing import Optional

import torch
from mmcv.cnn import build_activation_layer, build_norm_layer
from mmengine.model import BaseModule
from torch import nn

__all__ = ['HE_INIT', 'PreActBlock']

#: He's initialization (arXiv 1502.01852), that of DenseNet and Wide ResNet:
#: convolutions by their outputs; norms start as identities.
HE_INIT = [
    dict(type='Kaiming', layer='Conv2d', mode='fan_out'),
    dict(type='Constant', layer='_BatchNorm', val=1.0, bias=0.0),
]


class PreActBlock(BaseModule):
    """Two 3 x 3 convolutions in pre-activation order.

    BN, ReLU, convolution, BN, ReLU, dropout, convolution, plus the shortcut:
    the block ``B(3, 3)`` of Wide ResNet (arXiv 1605.07146), in the order of
    arXiv 1603.05027. The shortcut is the input itself, or a 1 x 1
    convolution where stride or width change.

    Args:
        in_channels (int): Channels of the input.
        out_channels (int): Channels of the output.
        stride (int): Stride of the first convolution. Defaults to 1.
        drop_rate (float): Share of elements that dropout zeroes. Defaults
            to 0, which is no dropout.
        activated_shortcut (bool): Whether the convolution of a shortcut
            reads the input after the first BN and ReLU, as in the paper's
            code, or before. Defaults to True.
        conv_bias (bool): Whether convolutions have a bias. Defaults to
            False.
        norm_cfg (dict, optional): Config of the norms. Defaults to
            ``dict(type='BN')``.
        act_cfg (dict, optional): Config of the activations. Defaults to
            ``dict(type='ReLU')``.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        stride: int = 1,
        drop_rate: float = 0.0,
        activated_shortcut: bool = True,
        conv_bias: bool = False,
        norm_cfg: Optional[dict] = None,
        act_cfg: Optional[dict] = None,
    ) -> None:
        super().__init__()
        norm_cfg = norm_cfg or dict(type='BN')
        self.activated_shortcut = activated_shortcut
        self.act = build_activation_layer(act_cfg or dict(type='ReLU'))
        self.norm1 = build_norm_layer(norm_cfg, in_channels)[1]
        self.conv1 = nn.Conv2d(
            in_channels, out_channels, 3, stride, padding=1, bias=conv_bias
        )
        self.norm2 = build_norm_layer(norm_cfg, out_channels)[1]
        self.dropout = nn.Dropout(drop_rate)
        self.conv2 = nn.Conv2d(
            out_channels, out_channels, 3, padding=1, bias=conv_bias
        )
        self.shortcut: Optional[nn.Conv2d] = None
        if stride != 1 or in_channels != out_channels:
            self.shortcut = nn.Conv2d(
                in_channels, out_channels, 1, stride, bias=conv_bias
            )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Add the residual to the shortcut.

        Args:
            x (Tensor): Shape ``(N, in_channels, H, W)``.

        Returns:
            Tensor: Shape ``(N, out_channels, H / stride, W / stride)``.
        """
        out = self.act(self.norm1(x))
        if self.shortcut is not None:
            x = self.shortcut(out if self.activated_shortcut else x)
        out = self.act(self.norm2(self.conv1(out)))
        return self.conv2(self.dropout(out)) + x
