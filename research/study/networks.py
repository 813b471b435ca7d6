"""Small networks for grey images of 28 x 28 pixels and ten classes."""

import torch
from torch import Tensor, nn
from torch.nn import functional

__all__ = ['NETWORKS', 'cnn', 'resnet', 'vit']


def cnn() -> nn.Module:
    """Build a network of LeNet's size, with BatchNorm (20,546 parameters).

    Returns:
        nn.Module: From images ``(N, 1, 28, 28)`` to logits ``(N, 10)``.
    """
    return nn.Sequential(
        *(nn.Conv2d(1, 8, 5, bias=False), nn.BatchNorm2d(8), nn.ReLU()),
        nn.MaxPool2d(2),
        *(nn.Conv2d(8, 16, 5, bias=False), nn.BatchNorm2d(16), nn.ReLU()),
        nn.MaxPool2d(2),
        nn.Flatten(),
        *(nn.Linear(256, 64), nn.ReLU(), nn.Linear(64, 10)),
    )


def resnet() -> nn.Module:
    """Build a ResNet of three blocks, with BatchNorm (19,810 parameters).

    Returns:
        nn.Module: From images ``(N, 1, 28, 28)`` to logits ``(N, 10)``.
    """
    return nn.Sequential(
        nn.Conv2d(1, 8, 3, 2, 1, bias=False),
        *(nn.BatchNorm2d(8), nn.ReLU()),
        *(_Block(8, 8, 1), _Block(8, 16, 2), _Block(16, 32, 2)),
        *(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(32, 10)),
    )


def vit() -> nn.Module:
    """Build a vision transformer with LayerNorm (28,138 parameters)."""
    return _VisionTransformer(width=32, depth=3)


class _Block(nn.Module):
    """Two convolutions and a shortcut."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False),
            *(nn.BatchNorm2d(outputs), nn.ReLU()),
            nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False),
            nn.BatchNorm2d(outputs),
        )
        self.shortcut: nn.Module = nn.Identity()
        if stride > 1 or inputs != outputs:
            self.shortcut = nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride, bias=False),
                nn.BatchNorm2d(outputs),
            )

    def forward(self, images: Tensor) -> Tensor:
        """Run the block.

        Args:
            images (Tensor): ``(N, inputs, H, W)``.

        Returns:
            Tensor: ``(N, outputs, H / stride, W / stride)``.
        """
        return functional.relu(self.body(images) + self.shortcut(images))


class _VisionTransformer(nn.Module):
    """Sixteen patches, and the mean over them."""

    def __init__(self, width: int, depth: int) -> None:
        super().__init__()
        self.patches = nn.Conv2d(1, width, 7, 7)
        self.positions = nn.Parameter(torch.randn(1, 16, width) * 0.02)
        layer = nn.TransformerEncoderLayer(
            *(width, 4, 2 * width, 0.0, 'gelu'),
            batch_first=True,
            norm_first=True,
        )
        self.layers = nn.TransformerEncoder(
            layer, depth, nn.LayerNorm(width), enable_nested_tensor=False
        )
        self.head = nn.Linear(width, 10)

    def forward(self, images: Tensor) -> Tensor:
        """Classify images.

        Args:
            images (Tensor): ``(N, 1, 28, 28)``.

        Returns:
            Tensor: Logits ``(N, 10)``.
        """
        tokens = self.patches(images).flatten(2).transpose(1, 2)
        return self.head(self.layers(tokens + self.positions).mean(1))


#: The networks by name.
NETWORKS = {'cnn': cnn, 'resnet': resnet, 'vit': vit}
