"""Averages beside the model's tensors that they average."""

import operator
from dataclasses import dataclass, field
from typing import Any, Optional

from torch import Tensor

from .functional import copy_, exchange_, lerp_

__all__ = ['TensorGroup', 'kind_of', 'same_objects']


def kind_of(tensor: Tensor) -> tuple:
    """Tell what the tensors of one batched call need to have in common.

    Args:
        tensor (Tensor): A tensor.

    Returns:
        tuple: Its dtype and its device.
    """
    return tensor.dtype, tensor.device


def same_objects(first: list, second: list) -> bool:
    """Tell whether two lists hold the very same objects.

    Args:
        first (list): Objects, which are not compared by their values.
        second (list): Others.

    Returns:
        bool: Whether they do.
    """
    return len(first) == len(second) and all(map(operator.is_, first, second))


@dataclass
class TensorGroup:
    """Tensors of one dtype and device, and their averages, likewise.

    While swapped, the model's tensors hold the averages. Tensors of the
    averages' own dtype and device are exchanged with them, which needs no
    memory; the others (bfloat16 under a float32 average, say) are kept
    aside, so that the average loses no digit.

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
        """bool: Whether the first has another dtype or device since."""
        first = self.values[0], self.averages[0]
        return tuple(map(kind_of, first)) != self._kinds

    def repeats(self, other: 'TensorGroup') -> bool:
        """Tell whether another group, where it is now, has all of this."""
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
        """Get ready for updates, now that all tensors are there."""

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
        """Finish an update that goes on elsewhere."""

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
