"""Random vectors that do not depend on the device."""

import torch
from torch import Tensor

from .mean_loss import MeanLoss

__all__ = ['gaussian', 'rademacher']


def gaussian(loss: MeanLoss, generator: torch.Generator) -> Tensor:
    """Draw a vector of independent standard normal numbers.

    Args:
        loss (MeanLoss): Has the size and the device.
        generator (torch.Generator): Of the CPU.

    Returns:
        Tensor: In float64, of shape (P,).
    """
    vector = torch.randn(loss.size, generator=generator, dtype=torch.float64)
    return vector.to(loss.device)


def rademacher(loss: MeanLoss, generator: torch.Generator) -> Tensor:
    """Draw a vector of independent signs.

    Args:
        loss (MeanLoss): Has the size and the device.
        generator (torch.Generator): Of the CPU.

    Returns:
        Tensor: -1 and 1 in float64, of shape (P,).
    """
    bits = torch.randint(0, 2, (loss.size,), generator=generator)
    return bits.double().mul(2).sub(1).to(loss.device)
