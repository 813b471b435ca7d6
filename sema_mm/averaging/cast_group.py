"""Averages of more precision than the model's tensors."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Optional

from torch import Tensor

from .functional import PIECE, copy_, lerp_, pieces
from .room import room_like
from .tensor_group import TensorGroup

__all__ = ['CastGroup']

Run = tuple[slice, list[Tensor]]


@dataclass
class CastGroup(TensorGroup):
    """Averages on the device of the model's tensors, in another dtype.

    An update casts run by run of the tensors into room for ``PIECE``
    elements, small enough to stay in a cache, and moves the averages from
    there. The room is kept from one update to the next.
    """

    _runs: Optional[list[Run]] = None

    def _lerp(self, weight: float, skip: Optional[Tensor]) -> None:
        if self._runs is None:
            self._runs = list(self._find_runs())
        for run, room in self._runs:
            values, averages = self.values[run], self.averages[run]
            if room:
                copy_(room, values)
                lerp_(averages, room, weight, skip)
                continue
            for pair in zip(averages, values):
                for average, value in pieces(*pair):
                    lerp_([average], [value.to(average)], weight, skip)

    def _find_runs(self) -> Iterator[Run]:
        """Cut the list into runs; one tensor that is too large has no room."""
        memory = self.averages[0].new_empty(min(self._elements(), PIECE))
        start = size = 0
        for stop, value in enumerate([*self.values, None]):
            more = PIECE if value is None else value.numel()
            if size and size + more > PIECE:
                run = slice(start, stop)
                fits = size <= PIECE
                yield run, room_like(self.values[run], memory) if fits else []
                start, size = stop, 0
            size += more

    def _elements(self) -> int:
        return sum(value.numel() for value in self.values)
