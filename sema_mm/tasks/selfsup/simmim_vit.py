"""A Vision Transformer for SimMIM, which mmpretrain has for Swin alone."""

from typing import Any, Optional

import torch
from mmengine.model.weight_init import trunc_normal_
from mmpretrain.models import VisionTransformer
from mmpretrain.registry import MODELS
from torch import Tensor, nn

__all__ = ['SimMIMViT']


@MODELS.register_module()
class SimMIMViT(VisionTransformer):
    """Vision Transformer that sees masked patches as one learned token.

    SimMIM (arXiv 2111.09886) with the transformer of
    :class:`mmpretrain.models.VisionTransformer`, whose last feature map
    :class:`mmpretrain.models.SimMIMLinearDecoder` takes.

    Args:
        arch (str | dict): ``'small'`` (768 dimensions, 8 layers, 8 heads) or
            another that ``VisionTransformer`` knows. Defaults to
            ``'small'``.
        **kwargs: Other arguments of ``VisionTransformer``, without
            ``out_type``.

    Examples:
        >>> backbone = SimMIMViT(img_size=64)
        >>> mask = torch.ones(2, 4, 4)  # of each patch of 16 x 16 pixels
        >>> backbone(torch.rand(2, 3, 64, 64), mask)[0].shape
        torch.Size([2, 768, 4, 4])
    """

    def __init__(self, arch: Any = 'small', **kwargs: Any) -> None:
        super().__init__(arch, out_type='featmap', **kwargs)
        self.mask_token = nn.Parameter(torch.zeros(1, 1, self.embed_dims))

    def init_weights(self) -> None:
        """Initialize the token of masked patches, too."""
        super().init_weights()
        trunc_normal_(self.mask_token, std=0.02)

    def forward(
        self, x: Tensor, mask: Optional[Tensor] = None
    ) -> tuple[Tensor, ...]:
        """Make a feature map of images.

        Args:
            x (Tensor): Images of shape (B, C, H, W).
            mask (Tensor, optional): 1 for each patch that is masked, of
                shape (B, rows, columns). Defaults to None.

        Returns:
            Tuple[Tensor]: The feature map, of shape (B, dimensions, rows,
            columns).
        """
        if mask is None:
            return super().forward(x)
        x, size = self.patch_embed(x)
        mask = mask.flatten(1).unsqueeze(-1).to(x)
        x = x * (1 - mask) + self.mask_token * mask
        x = torch.cat([self.cls_token.expand(len(x), -1, -1), x], dim=1)
        x = self.drop_after_pos(x + self.pos_embed)
        for layer in self.layers:
            x = layer(x)
        return (self._format_output(self.ln1(x), size),)
