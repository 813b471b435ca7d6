"""The floors: the same bytes moved with the least work torch offers."""

import math

import torch
from torch import Tensor, nn

from .measure import Contestant
from .models import trainable
from .rows import FLAT, FOREACH

__all__ = ['READ', 'Floors']

#: The reading pass that a check for NaN and infinity needs.
READ = 'floor: one flat sum'


class Floors:
    """Two lists of tensors of a model's shapes, and two flat tensors.

    They hold what an averaging step has to move: a float32 average and a
    value of the model. For a model of less precision all tensors are
    float32, and shorter, so that the bytes are the same.

    Args:
        model (nn.Module): The model, which is not changed.
        momentum (float): Weight of the values. Defaults to 0.001.
    """

    def __init__(self, model: nn.Module, momentum: float = 0.001) -> None:
        self.weight = momentum
        self.values = [_same_bytes(t) for t in trainable(model)]
        self.averages = [torch.randn_like(t) for t in self.values]
        numel = sum(t.numel() for t in self.values)
        self.flat_value = torch.randn(numel, device=self.values[0].device)
        self.flat_average = torch.randn_like(self.flat_value)

    def lerp(self) -> list[Contestant]:
        """Return the floors of an update: raw foreach and one flat call."""
        return [
            Contestant(
                FOREACH,
                lambda: torch._foreach_lerp_(
                    self.averages, self.values, self.weight
                ),
            ),
            Contestant(
                FLAT,
                lambda: self.flat_average.lerp_(self.flat_value, self.weight),
            ),
        ]

    def copy(self) -> list[Contestant]:
        """Return the floors of a switch: raw foreach and one flat call."""
        return [
            Contestant(
                FOREACH,
                lambda: torch._foreach_copy_(self.averages, self.values),
            ),
            Contestant(FLAT, lambda: self.flat_average.copy_(self.flat_value)),
        ]

    def exchange(self) -> list[Contestant]:
        """Return the floors of a swap in and out, with memory at hand."""
        aside = [torch.empty_like(t) for t in self.values]
        flat_aside = torch.empty_like(self.flat_value)

        def foreach() -> None:
            for _ in range(2):
                torch._foreach_copy_(aside, self.averages)
                torch._foreach_copy_(self.averages, self.values)
                torch._foreach_copy_(self.values, aside)

        def flat() -> None:
            for _ in range(2):
                flat_aside.copy_(self.flat_average)
                self.flat_average.copy_(self.flat_value)
                self.flat_value.copy_(flat_aside)

        return [Contestant(FOREACH, foreach), Contestant(FLAT, flat)]

    def read(self) -> Contestant:
        """Return the floor of a check for NaN and infinity: one flat sum."""
        return Contestant(READ, self.flat_value.sum)


def _same_bytes(tensor: Tensor) -> Tensor:
    """Make a float32 tensor, for which a lerp moves as many bytes."""
    # In float32 it reads average and value and writes the average: 12 bytes.
    # With a value of two bytes that is 10.
    if tensor.dtype == torch.float32:
        return tensor.detach().clone()
    numel = math.ceil(tensor.numel() * (8 + tensor.element_size()) / 12)
    return torch.randn(numel, device=tensor.device)
