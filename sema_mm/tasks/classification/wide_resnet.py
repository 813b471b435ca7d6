"""Wide residual networks."""

from collections.abc import Sequence
from typing import Any, Optional, Union

import torch
from mmcv.cnn import build_activation_layer, build_norm_layer
from mmpretrain.models.backbones.base_backbone import BaseBackbone
from mmpretrain.registry import MODELS
from torch import nn

from .pre_act_block import HE_INIT, PreActBlock

__all__ = ['WideResNet']

#: Channels of the stem, and of the stages before they are widened.
STEM, STAGES = 16, (16, 32, 64)


@MODELS.register_module()
class WideResNet(BaseBackbone):
    """Wide ResNet (arXiv 1605.07146), WRN-28-10 by default.

    A 3 x 3 convolution of stride 1, three stages of ``(depth - 4) / 6``
    pre-activation blocks each (:class:`PreActBlock`), and a last BN and ReLU
    after the third. Images of 32 pixels become 32, 16 and 8 pixels wide.
    Another network than the bottleneck ``wide-resnet50`` of torchvision and
    mmpretrain, which keeps the stem and the blocks of ResNet-50.

    Args:
        depth (int): Six times the blocks of a stage, plus 4: 10, 16, 22, 28,
            40 ... Defaults to 28.
        widen_factor (int): The stages have 16, 32 and 64 times this many
            channels. Defaults to 10.
        in_channels (int): Channels of the images. Defaults to 3.
        first_stride (int): Stride of the first stage: 1 for images of 32
            pixels, 2 for 64. Defaults to 1.
        out_indices (Sequence[int]): Stages to return, from 0. Defaults to
            ``(2, )``.
        activated_shortcuts (Sequence[bool]): For each stage, whether the
            convolution of its first shortcut reads its input after BN and
            ReLU. Defaults to ``(True, True, True)``.
        norm_cfg (dict, optional): Config of the norms. Defaults to
            ``dict(type='BN')``.
        act_cfg (dict, optional): Config of the activations. Defaults to
            ``dict(type='ReLU')``.
        init_cfg (dict | list[dict], optional): Initialization of the
            weights. Defaults to He's, as in the paper.
        **block: Other arguments of :class:`PreActBlock`: ``drop_rate``,
            dropout between the two convolutions of a block, and
            ``conv_bias``, also of the stem.

    Raises:
        ValueError: If ``depth``, ``out_indices`` or ``activated_shortcuts``
            does not fit three stages.

    Examples:
        >>> backbone = WideResNet(depth=28, widen_factor=10)
        >>> backbone(torch.rand(2, 3, 32, 32))[0].shape
        torch.Size([2, 640, 8, 8])
    """

    def __init__(
        self,
        depth: int = 28,
        widen_factor: int = 10,
        in_channels: int = 3,
        first_stride: int = 1,
        out_indices: Sequence[int] = (2,),
        activated_shortcuts: Sequence[bool] = (True, True, True),
        norm_cfg: Optional[dict] = None,
        act_cfg: Optional[dict] = None,
        init_cfg: Union[dict, list[dict], None] = None,
        **block: Any,
    ) -> None:
        super().__init__(init_cfg or HE_INIT)
        _check(depth, out_indices, activated_shortcuts)
        norm_cfg = norm_cfg or dict(type='BN')
        act_cfg = act_cfg or dict(type='ReLU')
        block.update(norm_cfg=norm_cfg, act_cfg=act_cfg)
        bias = block.get('conv_bias', False)
        widths = [STEM, *(width * widen_factor for width in STAGES)]
        strides = (first_stride, 2, 2)
        firsts = zip(widths, widths[1:], strides, activated_shortcuts)
        self.out_indices = tuple(out_indices)
        self.stem = nn.Conv2d(in_channels, STEM, 3, padding=1, bias=bias)
        self.stages = nn.ModuleList(
            _stage((depth - 4) // 6, first, block) for first in firsts
        )
        self.norm = build_norm_layer(norm_cfg, widths[-1])[1]
        self.act = build_activation_layer(act_cfg)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Extract the features of images.

        Args:
            x (Tensor): Images, shape ``(N, in_channels, H, W)``.

        Returns:
            tuple[Tensor]: One feature map per stage of ``out_indices``; that
            of the last stage after BN and ReLU.
        """
        x = self.stem(x)
        outs = []
        for index, stage in enumerate(self.stages):
            x = stage(x)
            if index == len(self.stages) - 1:
                x = self.act(self.norm(x))
            if index in self.out_indices:
                outs.append(x)
        return tuple(outs)


def _stage(
    count: int, first: tuple[int, int, int, bool], options: dict
) -> nn.Sequential:
    """Chain blocks, the first of which changes width and stride."""
    before, width, stride, activated = first
    blocks = [
        PreActBlock(
            before, width, stride, activated_shortcut=activated, **options
        )
    ]
    while len(blocks) < count:
        blocks.append(PreActBlock(width, width, **options))
    return nn.Sequential(*blocks)


def _check(
    depth: int, out_indices: Sequence[int], activated_shortcuts: Sequence[bool]
) -> None:
    if depth < 10 or (depth - 4) % 6:
        raise ValueError(
            f'depth={depth} does not give three stages of equal blocks: write '
            'six times the blocks of a stage, plus 4, for example 16, 28 or 40'
        )
    if not out_indices or not set(out_indices) <= {0, 1, 2}:
        raise ValueError(
            f'out_indices={out_indices!r} must name stages by 0, 1 and 2'
        )
    if len(activated_shortcuts) != len(STAGES):
        raise ValueError(
            f'activated_shortcuts={activated_shortcuts!r} must have one value '
            'for each of the three stages'
        )
