"""Averages of short vectors, in one piece of memory."""

from dataclasses import dataclass
from typing import Any, Optional

import torch
from torch import Tensor

from .functional import lerp_
from .tensor_group import TensorGroup

__all__ = ['SHORT', 'JoinedGroup']

#: Most elements of a vector that is cheaper to join than to work on alone.
SHORT = 1024


@dataclass
class JoinedGroup(TensorGroup):
    """Biases, and weights of normalisation layers, on the CPU.

    A model has as many of these as of all others, and a call on each of
    them takes longer than its arithmetic. Their averages lie side by side,
    and an update first joins the model's values.
    """

    _side_by_side: Any = None
    _room: Any = None

    @property
    def sources(self) -> list[Tensor]:
        """List[Tensor]: What an update reads: the values, joined."""
        return [self._room]

    @property
    def is_moved(self) -> bool:
        """bool: Whether the averages are no more where they were put."""
        moved = self.averages[0]._base is not self._side_by_side
        return moved or super().is_moved

    @torch.no_grad()
    def prepare(self) -> None:
        """Put the averages side by side, unless they are already."""
        self._side_by_side = self.averages[0]._base
        if not self._is_ready():
            sizes = [average.numel() for average in self.averages]
            self._side_by_side = torch.cat(self.averages)
            self.averages = list(self._side_by_side.split(sizes))
        self._room = torch.empty_like(self._side_by_side)

    @torch.inference_mode()
    def read(self) -> None:
        """Join the values."""
        torch.cat(self.values, out=self._room)

    def _is_ready(self) -> bool:
        """Whether the averages are all of one tensor, in order."""
        start = 0
        for average in self.averages:
            if average._base is not self._side_by_side:
                return False
            if average.storage_offset() != start:
                return False
            start += average.numel()
        whole = self._side_by_side
        return whole is not None and whole.numel() == start

    def _lerp(self, weight: float, skip: Optional[Tensor]) -> None:
        lerp_([self._side_by_side], [self._room], weight, skip)
