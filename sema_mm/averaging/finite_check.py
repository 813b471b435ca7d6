"""Tells whether weights are finite, in one reading pass."""

import cmath
from collections.abc import Iterator
from typing import Union

import torch
from torch import Tensor

from .joined_group import SHORT

__all__ = ['FiniteCheck']

#: Short vectors are joined up to so many elements: 1 MB in float32.
JOINED = 2**18


class FiniteCheck:
    """Looks at the same tensors again and again.

    A sum and a norm are the cheapest reductions that are NaN or infinite
    where an element is. They overflow as well: in float32 a sum of 1e38, and
    on other devices than the CPU a norm of 1e19. Such weights are lost anyway.

    Args:
        tensors (List[Tensor]): Floating or complex tensors.
    """

    def __init__(self, tensors: list[Tensor]) -> None:
        kinds: dict[tuple, list[Tensor]] = {}
        for tensor in tensors:
            short = tensor.dim() == 1 and tensor.numel() <= SHORT
            kind = tensor.device, tensor.dtype, short
            kinds.setdefault(kind, []).append(tensor)
        self._short: list[list[Tensor]] = []
        self._long: list[Tensor] = []
        self._far: dict[torch.device, list[list[Tensor]]] = {}
        for (device, _, short), group in kinds.items():
            if device.type != 'cpu':
                self._far.setdefault(device, []).append(group)
            elif short:
                self._short += _batches(group)
            else:
                self._long += group

    @torch.inference_mode()
    def __call__(self) -> Union[bool, Tensor]:
        """Look.

        Returns:
            bool or Tensor: Whether all elements are finite: for tensors on
            the CPU alone a bool, else a bool of shape () on the device of
            the first that is not, which nothing has waited for.
        """
        sums = [_sum(torch.cat(group)) for group in self._short]
        sums += map(_sum, self._long)
        finite = all(map(cmath.isfinite, map(Tensor.item, sums)))
        if not self._far:
            return finite
        flags = [_finite(groups) for groups in self._far.values()]
        together = torch.stack([f.to(flags[0].device) for f in flags]).all()
        return together if finite else torch.zeros_like(together)


def _batches(vectors: list[Tensor]) -> Iterator[list[Tensor]]:
    """Cut a list of short vectors into lists of ``JOINED`` elements."""
    batch: list[Tensor] = []
    size = 0
    for vector in vectors:
        size += vector.numel()
        if size > JOINED:
            yield batch
            batch, size = [], vector.numel()
        batch.append(vector)
    yield batch


def _sum(tensor: Tensor) -> Tensor:
    # A sum in float16 would overflow above 65504.
    half = tensor.dtype == torch.float16
    return tensor.sum(dtype=torch.float32 if half else None)


def _finite(groups: list[list[Tensor]]) -> Tensor:
    """Tell of tensors on one device, where one dtype is one call."""
    norms = [torch.stack(_norms(group)) for group in groups]
    return torch.stack([norm.isfinite().all() for norm in norms]).all()


def _norms(tensors: list[Tensor]) -> list[Tensor]:
    # A norm in float16 would overflow above 65504.
    dtype = torch.float32 if tensors[0].dtype == torch.float16 else None
    return list(torch._foreach_norm(tensors, 2, dtype))
