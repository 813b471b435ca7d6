"""Averages beside the model's tensors, in groups updated by batched calls."""

import operator
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Optional, Union

import torch
from torch import Tensor

from .functional import PIECE, copy_, exchange_, lerp_, pieces

__all__ = [
    'SHORT',
    'CastGroup',
    'HostGroup',
    'JoinedGroup',
    'TensorGroup',
    'group_tensors',
    'kind_of',
    'room_like',
    'same_objects',
]

#: Most elements of a vector that is cheaper to join than to work on alone.
SHORT = 1024

Device = Union[str, torch.device]
Run = tuple[slice, list[Tensor]]


def kind_of(tensor: Tensor) -> tuple:
    """Return the dtype and device, which one batched call has in common."""
    return tensor.dtype, tensor.device


def same_objects(first: list, second: list) -> bool:
    """Return whether two lists hold the same objects (``is``, not ``==``)."""
    return len(first) == len(second) and all(map(operator.is_, first, second))


def room_like(tensors: list[Tensor], memory: Tensor) -> list[Tensor]:
    """Lay tensors out in memory, in the order of elements that they have.

    Args:
        tensors (List[Tensor]): Tensors of any shapes.
        memory (Tensor): One axis, with at least as many elements as they
            have together; its dtype and device may differ.

    Returns:
        List[Tensor]: Views of the memory with the tensors' shapes and, where
        they have no gaps, strides.
    """
    views, start = [], 0
    for tensor in tensors:
        strides = torch.empty_like(tensor, device='meta').stride()
        views.append(memory.as_strided(tensor.shape, strides, start))
        start += tensor.numel()
    return views


@dataclass
class TensorGroup:
    """Tensors of one dtype and device, and their averages, likewise.

    While swapped, the model's tensors hold the averages. Tensors of the
    averages' own dtype and device are exchanged with them, which needs no
    memory; the values of others (bfloat16 under a float32 average) are kept
    aside, so that the average keeps its precision.

    Attributes:
        names (List[str]): One name per tensor.
        values (List[Tensor]): The model's own tensors.
        averages (List[Tensor]): Same shapes as ``values``.
        kept (List[Tensor], optional): The model's values while swapped;
            None otherwise.
        fixed (bool): Whether updates leave the averages alone, because they
            are set from outside.
    """

    names: list[str] = field(default_factory=list)
    values: list[Tensor] = field(default_factory=list)
    averages: list[Tensor] = field(default_factory=list)
    kept: Optional[list[Tensor]] = None
    fixed: bool = False
    _kinds: Any = None

    def add(self, name: str, value: Tensor, average: Tensor) -> None:
        """Append one tensor and its average."""
        self.names.append(name)
        self.values.append(value)
        self.averages.append(average)
        self._kinds = kind_of(value), kind_of(average)

    @property
    def is_moved(self) -> bool:
        """bool: Whether dtype or device changed since :meth:`add`."""
        first = self.values[0], self.averages[0]
        return tuple(map(kind_of, first)) != self._kinds

    def repeats(self, other: 'TensorGroup') -> bool:
        """Return whether another group holds the same tensors, unmoved."""
        return (
            (type(self), self.names, self._kinds, self.fixed)
            == (type(other), other.names, other._kinds, other.fixed)
            and same_objects(self.values, other.values)
            and same_objects(self.averages, other.averages)
            and not other.is_moved
        )

    @property
    def sources(self) -> list[Tensor]:
        """List[Tensor]: What an update reads."""
        return [] if self.fixed else self.values

    def prepare(self) -> None:
        """Get ready for updates, after the last :meth:`add`."""

    def read(self) -> None:
        """Bring :attr:`sources` up to date."""

    def update(self, weight: float, skip: Optional[Tensor] = None) -> None:
        """Average <- model; the whole value at weight 1."""
        if self.fixed:
            return
        if weight == 1 and skip is None:
            copy_(self.averages, self.values)
        else:
            if skip is not None:
                skip = skip.to(self.values[0].device)
            self._lerp(weight, skip)

    def settle(self) -> None:
        """Finish an update that is still in flight."""

    def switch(self) -> None:
        """Model <- average."""
        copy_(self.values, self.averages)

    def swap_in(self) -> None:
        """Write the averages into the model, and keep its values."""
        if kind_of(self.values[0]) == kind_of(self.averages[0]):
            exchange_(self.averages, self.values)
            self.kept = self.averages
        else:
            self.kept = [value.detach().clone() for value in self.values]
            copy_(self.values, self.averages)

    def swap_out(self) -> None:
        """Undo :meth:`swap_in`."""
        if self.kept is None:
            return
        if self._is_exchanged:
            exchange_(self.averages[::-1], self.values[::-1])
        else:
            copy_(self.values[::-1], self.kept[::-1])
        self.kept = None

    def average_now(self) -> dict[str, Tensor]:
        """Map names to the tensors that hold the averages at this moment."""
        now = self.values if self._is_exchanged else self.averages
        return dict(zip(self.names, now))

    def model_now(self) -> dict[str, Tensor]:
        """Map names to the tensors that hold the model's own values."""
        kept = self.values if self.kept is None else self.kept
        return dict(zip(self.names, kept))

    @property
    def _is_exchanged(self) -> bool:
        """Whether the averages are in the model, and its values in theirs."""
        return self.kept is not None and self.kept is self.averages

    def _lerp(self, weight: float, skip: Optional[Tensor]) -> None:
        """Move the averages, unless a flag on the values' device is set."""
        lerp_(self.averages, self.values, weight, skip)


@dataclass
class JoinedGroup(TensorGroup):
    """Biases, and weights of normalisation layers, on the CPU.

    A model has as many of these as of all others, and a call on each of
    them takes longer than its arithmetic. Their averages are views of one
    tensor, and an update first joins the model's values.
    """

    _joined: Any = None
    _room: Any = None

    @property
    def sources(self) -> list[Tensor]:
        """List[Tensor]: What an update reads: the values, joined."""
        return [self._room]

    @property
    def is_moved(self) -> bool:
        """bool: Whether the averages are views of another tensor."""
        return self.averages[0]._base is not self._joined or super().is_moved

    @torch.no_grad()
    def prepare(self) -> None:
        """Join the averages, unless they are joined already."""
        self._joined = self.averages[0]._base
        if not self._is_ready():
            sizes = [average.numel() for average in self.averages]
            self._joined = torch.cat(self.averages)
            self.averages = list(self._joined.split(sizes))
        self._room = torch.empty_like(self._joined)

    @torch.inference_mode()
    def read(self) -> None:
        """Join the values."""
        torch.cat(self.values, out=self._room)

    def _is_ready(self) -> bool:
        """Whether the averages are all of one tensor, in order."""
        start = 0
        for average in self.averages:
            if average._base is not self._joined:
                return False
            if average.storage_offset() != start:
                return False
            start += average.numel()
        return self._joined is not None and self._joined.numel() == start

    def _lerp(self, weight: float, skip: Optional[Tensor]) -> None:
        lerp_([self._joined], [self._room], weight, skip)


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
        elements = sum(value.numel() for value in self.values)
        memory = self.averages[0].new_empty(min(elements, PIECE))
        start = size = 0
        for stop, value in enumerate([*self.values, None]):
            more = PIECE if value is None else value.numel()
            if size and size + more > PIECE:
                run = slice(start, stop)
                fits = size <= PIECE
                yield run, room_like(self.values[run], memory) if fits else []
                start, size = stop, 0
            size += more


@dataclass
class HostGroup(TensorGroup):
    """Averages on another device, such as the CPU under a model on a GPU.

    Experimental: not run on a GPU yet. An update only starts to copy the
    model's tensors, through the current stream into page-locked memory of
    the host, and does not wait. They are averaged when they have arrived:
    at the next update, or when the averages are read.
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
        self._pending = weight, _record_event(self.values[0]), skip

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


def group_tensors(
    values: Mapping[str, Tensor],
    averages: Mapping[str, Tensor],
    fixed: Collection[str],
    device: Optional[Device],
    old: Iterable[TensorGroup],
) -> list[TensorGroup]:
    """Group the tensors of a model by the kind of group that averages them.

    Args:
        values (Mapping[str, Tensor]): The tensors by their names.
        averages (Mapping[str, Tensor]): Their averages so far, kept where
            the shape still fits.
        fixed (Collection[str]): Names that are switched, but not averaged.
        device (torch.device or str, optional): Of the averages; None for
            that of each tensor.
        old (Iterable[TensorGroup]): Groups to use again where they hold the
            same tensors.

    Returns:
        list[TensorGroup]: Prepared groups.
    """
    groups: dict[tuple, TensorGroup] = {}
    short = PIECE
    for name, value in values.items():
        average = _average_for(value, averages.get(name), device)
        is_fixed = name in fixed
        kind = TensorGroup if is_fixed else _group_for(value, average)
        if kind is JoinedGroup:
            short -= value.numel()
            kind = JoinedGroup if short >= 0 else TensorGroup
        key = kind, kind_of(value), kind_of(average), is_fixed
        groups.setdefault(key, kind(fixed=is_fixed))
        groups[key].add(name, value, average)
    return [_prepared(group, old) for group in groups.values()]


def _average_for(
    value: Tensor, old: Optional[Tensor], device: Optional[Device]
) -> Tensor:
    """Return the average to use for a tensor, a new copy where needed."""
    device = device or value.device
    dtype = value.dtype
    if value.is_floating_point() and torch.finfo(dtype).bits < 32:
        dtype = torch.float32
    if old is not None and old.shape == value.shape:
        return old.to(device, dtype)
    return value.detach().to(device, dtype, copy=True)


def _group_for(value: Tensor, average: Tensor) -> type[TensorGroup]:
    """Return the kind of group that averages a tensor."""
    if value.device != average.device:
        return HostGroup
    if value.dtype != average.dtype:
        return CastGroup
    short = value.is_cpu and value.dim() == 1 and value.numel() <= SHORT
    return JoinedGroup if short else TensorGroup


def _prepared(group: TensorGroup, old: Iterable[TensorGroup]) -> TensorGroup:
    """Prepare a group, or return the old one that it repeats."""
    for other in old:
        if group.repeats(other):
            return other
    group.prepare()
    return group


def _pinned(tensor: Tensor) -> Tensor:
    return tensor.pin_memory() if torch.cuda.is_available() else tensor


def _record_event(tensor: Tensor) -> Any:
    """Record an event of the current stream of a tensor's GPU."""
    if not tensor.is_cuda:
        return None
    stream = torch.cuda.current_stream(tensor.device)
    return stream.record_event()
