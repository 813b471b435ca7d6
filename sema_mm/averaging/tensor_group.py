"""Averages beside the model's tensors that they average."""

from dataclasses import dataclass, field
from typing import Optional

from torch import Tensor

from .functional import copy_, exchange_, lerp_

__all__ = ['TensorGroup']


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

    def add(self, name: str, value: Tensor, average: Tensor) -> None:
        """Append one tensor and its average."""
        self.names.append(name)
        self.values.append(value)
        self.averages.append(average)

    def update(self, weight: float, skip: Optional[Tensor] = None) -> None:
        """Average <- model; the whole value at weight 1."""
        if self.fixed:
            return
        if weight == 1 and skip is None:
            copy_(self.averages, self.values)
        else:
            if skip is not None:
                skip = skip.to(self.averages[0].device)
            lerp_(self.averages, self.values, weight, skip)

    def switch(self) -> None:
        """Model <- average."""
        copy_(self.values, self.averages)

    def swap_in(self) -> None:
        """Write the averages into the model, and keep its values."""
        if self._exchangeable:
            exchange_(self.averages, self.values)
            self.kept = self.averages
        else:
            self.kept = [value.detach().clone() for value in self.values]
            copy_(self.values, self.averages)

    def swap_out(self) -> None:
        """Undo :meth:`swap_in`."""
        if self.kept is None:
            return
        if self._exchangeable:
            exchange_(self.averages, self.values)
        else:
            copy_(self.values, self.kept)
        self.kept = None

    def average_now(self) -> dict[str, Tensor]:
        """Map names to the tensors that hold the averages at this moment."""
        exchanged = self.kept is not None and self._exchangeable
        return dict(
            zip(self.names, self.values if exchanged else self.averages)
        )

    def model_now(self) -> dict[str, Tensor]:
        """Map names to the tensors that hold the model's own values."""
        kept = self.values if self.kept is None else self.kept
        return dict(zip(self.names, kept))

    @property
    def _exchangeable(self) -> bool:
        value, average = self.values[0], self.averages[0]
        return value.dtype == average.dtype and value.device == average.device
