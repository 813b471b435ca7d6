"""Arithmetic on lists of tensors: in place, without gradients, in batches.

Two lists of one call hold as many tensors, pair by pair of one shape. The
tensors of one list share their device and dtype; the two lists may differ.
Nothing here waits for the device, except :func:`relative_distance`.
"""

from collections.abc import Iterator, Sequence
from typing import Optional

import torch
from torch import Tensor

__all__ = [
    'PIECE',
    'bit_equal',
    'copy_',
    'exchange_',
    'gated_lerp_',
    'lerp_',
    'pieces',
    'relative_distance',
]

#: Elements that are worked on at a time where that takes extra memory: 8 MB
#: in float32.
PIECE = 2**21


# Without the bookkeeping of autograd: no graph ever holds an average.
@torch.inference_mode()
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
        values (List[Tensor]): New values, of the averages' dtype and device.
        weight (float): Weight of the values, from 0 to 1.
        skip (Tensor, optional): A bool of shape (); where true, the averages
            keep their bits, whatever the values hold (NaN included). On a
            GPU it is not waited for. Defaults to None.
    """
    if not averages or (skip is not None and skip.is_cpu and skip):
        return
    if skip is None or skip.is_cpu:
        torch._foreach_lerp_(averages, values, weight)
    elif not _gated(averages, values, weight, skip):
        for average, value in zip(averages, values):
            average.lerp_(torch.where(skip, average, value), weight)


def gated_lerp_(
    averages: list[Tensor],
    values: list[Tensor],
    weight: float,
    skip: Tensor,
) -> None:
    """Do what :func:`lerp_` does below a weight of 0.5, in few kernels.

    Experimental: not run on a GPU yet. One step of SGD from the averages,
    with the learning rate ``weight``, the negated values as gradients and a
    weight decay of 1, goes where a lerp goes: ``a - weight * (a - v)``.
    torch's fused SGD leaves its parameters alone where a flag on the device
    says so, as a gradient scaler asks of it.

    Args:
        averages (List[Tensor]): Tensors to change.
        values (List[Tensor]): New values, of the averages' dtype and device.
        weight (float): Weight of the values, from 0 to 0.5.
        skip (Tensor): A bool of shape () on the same device.

    Raises:
        RuntimeError: Before anything is changed, if torch has no such kernel
            for the tensors: complex ones, or on a GPU pairs that differ in
            their strides.
    """
    torch._fused_sgd_(
        averages,
        values,
        [],
        lr=weight,
        weight_decay=1.0,
        maximize=True,
        momentum=0.0,
        dampening=0.0,
        nesterov=False,
        is_first_step=False,
        found_inf=skip.float(),
    )


def _gated(
    averages: list[Tensor], values: list[Tensor], weight: float, skip: Tensor
) -> bool:
    """Try the few kernels, for which the tensors may not be fit."""
    if not averages[0].is_cuda or weight >= 0.5:
        return False
    try:
        gated_lerp_(averages, values, weight, skip)
    except RuntimeError:  # Complex, or in another order of elements.
        return False
    return True


@torch.no_grad()
def copy_(
    targets: list[Tensor], sources: list[Tensor], wait: bool = True
) -> None:
    """Write sources into targets, casting where dtypes differ.

    Args:
        targets (List[Tensor]): Tensors to overwrite.
        sources (List[Tensor]): Tensors to read.
        wait (bool): Whether the host waits for copies from a GPU into its
            page-locked memory. Defaults to True.
    """
    if targets:
        torch._foreach_copy_(targets, sources, non_blocking=not wait)


@torch.no_grad()
def exchange_(first: Sequence[Tensor], second: Sequence[Tensor]) -> None:
    """Exchange the values of two lists, piece by piece.

    Needs the memory of one piece. Where tensors of a list share memory, the
    reversed lists undo it. An exception leaves all as it was.

    Args:
        first (Sequence[Tensor]): Tensors to overwrite with the second.
        second (Sequence[Tensor]): Tensors to overwrite with the first.
    """
    done: list[tuple[Tensor, ...]] = []
    try:
        for pair in zip(first, second):
            for piece in pieces(*pair):
                _exchange(*piece)
                done.append(piece)
    except BaseException:
        for piece in reversed(done):
            _exchange(*piece)
        raise


def _exchange(a: Tensor, b: Tensor) -> None:
    kept = a.clone()
    a.copy_(b)
    b.copy_(kept)


def pieces(
    *tensors: Tensor, size: Optional[int] = None
) -> Iterator[tuple[Tensor, ...]]:
    """Cut tensors of one shape in the same way.

    Args:
        *tensors (Tensor): Tensors of any shape.
        size (int, optional): Most elements of a piece; of tensors with gaps,
            or with different orders of elements, one index of the first axis
            may have more. None: ``PIECE``. Defaults to None.

    Yields:
        Tuple[Tensor, ...]: A view of each; the tensors themselves where they
        are small enough.
    """
    size = size or PIECE
    if tensors[0].numel() <= size:
        yield tensors
        return
    if all(tensor.is_contiguous() for tensor in tensors):
        tensors = tuple(tensor.view(-1) for tensor in tensors)
    rows = max(size * len(tensors[0]) // tensors[0].numel(), 1)
    yield from zip(*(tensor.split(rows) for tensor in tensors))


@torch.no_grad()
def relative_distance(
    values: Sequence[Tensor], averages: Sequence[Tensor]
) -> float:
    """Euclidean distance of two lists over the norm of the first.

    Args:
        values (Sequence[Tensor]): The model's tensors.
        averages (Sequence[Tensor]): Their averages.

    Returns:
        float: ``|values - averages| / |values|``, 0 for equal lists. Waits
        for the device.
    """
    apart, size = [], []
    for pair in zip(values, averages):
        for value, average in pieces(*pair):
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
