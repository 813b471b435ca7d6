"""Arithmetic on lists of tensors: in place, without gradients, in batches.

Two lists of one call hold as many tensors, pair by pair of one shape. The
tensors of one list share their device and dtype; the two lists may differ.
Nothing here waits for the device, except :func:`relative_distance`.
"""

from collections.abc import Sequence
from typing import Optional

import torch
from torch import Tensor

__all__ = [
    'all_finite',
    'bit_equal',
    'copy_',
    'exchange_',
    'lerp_',
    'relative_distance',
]


@torch.no_grad()
def lerp_(
    averages: list[Tensor],
    values: list[Tensor],
    weight: float,
    skip: Optional[Tensor] = None,
) -> None:
    r"""Move averages towards values: ``a <- a + weight * (v - a)``.

    The form matters: ``(1 - weight) * a + weight * v`` rounds the constant
    ``1 - weight``, which shifts the average of a window of 5,000 steps by
    up to 1e-4 of its value in float32; this form has no such bias.

    Args:
        averages (List[Tensor]): Tensors to change.
        values (List[Tensor]): New values, cast to the averages' dtype and
            device one tensor at a time where they differ.
        weight (float): Weight of the values, from 0 to 1.
        skip (Tensor, optional): A bool on the averages' device, of shape
            (); where true, the averages keep their bits, whatever the
            values hold (NaN included). Defaults to None.
    """
    if skip is None and _alike(averages, values):
        torch._foreach_lerp_(averages, values, weight)
        return
    for average, value in zip(averages, values):
        value = value.to(average)
        if skip is not None:
            value = torch.where(skip, average, value)
        average.lerp_(value, weight)


@torch.no_grad()
def copy_(targets: list[Tensor], sources: list[Tensor]) -> None:
    """Write sources into targets, casting where dtypes differ.

    Args:
        targets (List[Tensor]): Tensors to overwrite.
        sources (List[Tensor]): Tensors to read.
    """
    if targets:
        torch._foreach_copy_(targets, sources)


@torch.no_grad()
def exchange_(first: list[Tensor], second: list[Tensor]) -> None:
    """Exchange the values of two lists of one dtype, tensor by tensor.

    Needs the memory of the largest tensor, not of the list.

    Args:
        first (List[Tensor]): Tensors to overwrite with the second.
        second (List[Tensor]): Tensors to overwrite with the first.
    """
    for a, b in zip(first, second):
        kept = a.clone()
        a.copy_(b)
        b.copy_(kept)
        del kept  # before the next is made


@torch.no_grad()
def all_finite(tensors: Sequence[Tensor]) -> Tensor:
    """Tell whether every element is finite, in one reading pass.

    Uses the Euclidean norm, the cheapest reduction that is NaN or infinite
    where an element is. In float32 it overflows as well for elements beyond
    1e19; such weights are lost anyway.

    Args:
        tensors (Sequence[Tensor]): Floating or complex tensors, on one
            device; at least one.

    Returns:
        Tensor: A bool of shape () on the tensors' device.
    """
    norms = list(torch._foreach_norm(list(tensors)))
    dtypes = {norm.dtype for norm in norms}
    if len(dtypes) > 1:
        norms = [norm.float() for norm in norms]
    return torch.stack(norms).isfinite().all()


@torch.no_grad()
def relative_distance(
    values: Sequence[Tensor], averages: Sequence[Tensor]
) -> float:
    """Euclidean distance of two lists over the norm of the first.

    Args:
        values (Sequence[Tensor]): The model's tensors.
        averages (Sequence[Tensor]): Their averages.

    Returns:
        float: ``|values - averages| / |values|``, without a unit; 0 for
        equal lists. Waits for the device.
    """
    apart, size = [], []
    for value, average in zip(values, averages):
        value = value.to(average)
        apart.append(torch.linalg.vector_norm(value - average).cpu())
        size.append(torch.linalg.vector_norm(value).cpu())
    if not apart:
        return 0.0
    apart_norm = float(torch.stack(apart).double().norm())
    size_norm = float(torch.stack(size).double().norm())
    return apart_norm / size_norm if apart_norm else 0.0


def bit_equal(first: Tensor, second: Tensor) -> bool:
    """Tell whether two tensors hold the same bits (0.0 and -0.0 differ).

    Args:
        first (Tensor): A tensor of any shape.
        second (Tensor): A tensor to compare it with.

    Returns:
        bool: True for one dtype, one shape and equal bits.
    """
    if first.dtype != second.dtype or first.shape != second.shape:
        return False
    if not (first.is_floating_point() or first.is_complex()):
        return torch.equal(first, second)
    as_bytes = [t.detach().contiguous().view(-1) for t in (first, second)]
    return torch.equal(*[t.view(torch.uint8) for t in as_bytes])


def _alike(first: list[Tensor], second: list[Tensor]) -> bool:
    """Whether two lists share one dtype and device."""
    return (
        not first
        or first[0].dtype == second[0].dtype
        and first[0].device == second[0].device
    )
