"""Random vectors that do not depend on the device."""

import torch
from torch import Tensor

from .mean_loss import MeanLoss

__all__ = ['gaussian', 'rademacher']


def gaussian(loss: MeanLoss, generator: torch.Generator) -> Tensor:
    """Draw P standard normal numbers in float64 by a generator of the CPU."""
    vector = torch.randn(loss.size, generator=generator, dtype=torch.float64)
    return vector.to(loss.device)


def rademacher(loss: MeanLoss, generator: torch.Generator) -> Tensor:
    """Draw P signs, -1 or 1, in float64 by a generator of the CPU."""
    bits = torch.randint(0, 2, (loss.size,), generator=generator)
    return bits.double().mul(2).sub(1).to(loss.device)
