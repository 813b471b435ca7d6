"""Averages on another device than the model's tensors."""

from dataclasses import dataclass
from typing import Any, Optional

import torch
from torch import Tensor

from .cast_group import CastGroup
from .functional import copy_
from .room import room_like
from .tensor_group import TensorGroup, kind_of

__all__ = ['HostGroup']


@dataclass
class HostGroup(TensorGroup):
    """Averages on the CPU, say, which need none of the GPU's memory.

    An update only starts to copy the model's tensors, through the current
    stream into page-locked memory of the host, and does not wait. They are
    averaged when they have arrived: at the next update, or when somebody
    reads.
    """

    _inner: Optional[TensorGroup] = None
    _pending: Optional[tuple[float, Any, Optional[Tensor]]] = None

    def update(self, weight: float, skip: Optional[Tensor] = None) -> None:
        """Start to copy the values."""
        if self.fixed:
            return
        self.settle()
        if self._inner is None:
            self._inner = self._make_inner()
        copy_(self._inner.values, self.values, wait=False)
        if skip is not None:
            skip = skip.to(self.values[0].device)
            here = _pinned(torch.empty_like(skip, device='cpu'))
            copy_([here], [skip], wait=False)
            skip = here
        self._pending = weight, _recorded(self.values[0]), skip

    def settle(self) -> None:
        """Wait for the copies, and average them."""
        if self._pending is None or self._inner is None:
            return
        weight, arrival, skip = self._pending
        self._pending = None
        if arrival is not None:
            arrival.synchronize()
        self._inner.averages = self.averages
        self._inner.update(weight, skip)

    def _make_inner(self) -> TensorGroup:
        """Pair the averages with room on the host for the values."""
        elements = sum(value.numel() for value in self.values)
        memory = _pinned(torch.empty(elements, dtype=self.values[0].dtype))
        room = room_like(self.values, memory)
        alike = kind_of(room[0]) == kind_of(self.averages[0])
        inner = TensorGroup() if alike else CastGroup()
        for item in zip(self.names, room, self.averages):
            inner.add(*item)
        return inner


def _pinned(tensor: Tensor) -> Tensor:
    return tensor.pin_memory() if torch.cuda.is_available() else tensor


def _recorded(tensor: Tensor) -> Any:
    """Record an event of the current stream of a tensor's GPU."""
    if not tensor.is_cuda:
        return None
    stream = torch.cuda.current_stream(tensor.device)
    return stream.record_event()
