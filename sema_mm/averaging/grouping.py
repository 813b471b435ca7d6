"""The groups of a model's tensors, each of which is averaged as one."""

from collections.abc import Collection, Iterable, Mapping
from typing import Optional, Union

import torch
from torch import Tensor

from .cast_group import CastGroup
from .functional import PIECE
from .host_group import HostGroup
from .joined_group import SHORT, JoinedGroup
from .tensor_group import TensorGroup, kind_of

__all__ = ['checked_device', 'group_tensors']


def group_tensors(
    values: Mapping[str, Tensor],
    averages: Mapping[str, Tensor],
    fixed: Collection[str],
    device: Optional[torch.device],
    old: Iterable[TensorGroup],
) -> list[TensorGroup]:
    """Group the tensors of a model by what averages them.

    Args:
        values (Mapping[str, Tensor]): The tensors by their names.
        averages (Mapping[str, Tensor]): Their averages so far, which go on
            where their shape still fits.
        fixed (Collection[str]): Names of the tensors that are switched, but
            not averaged.
        device (torch.device, optional): Of the averages; None for that of
            each tensor.
        old (Iterable[TensorGroup]): Groups that are used again where they
            say the same.

    Returns:
        list[TensorGroup]: Groups that are prepared.
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


def checked_device(
    device: Optional[Union[str, torch.device]],
) -> Optional[torch.device]:
    """Check for a device that this machine has.

    Args:
        device (str or torch.device, optional): The argument ``device``.

    Returns:
        torch.device, optional: The device; None for None.

    Raises:
        ValueError: If no tensor can be made on it.
    """
    if device is None:
        return None
    try:
        torch.empty(0, device=device)
    except (RuntimeError, TypeError, AssertionError) as error:
        raise ValueError(
            f"device={device!r} cannot be used: write 'cpu', 'cuda', or "
            f'None for the device of the model ({str(error).splitlines()[0]})'
        ) from error
    return torch.device(device)


def _average_for(
    value: Tensor, old: Optional[Tensor], device: Optional[torch.device]
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
    """Choose what averages a tensor."""
    if value.device != average.device:
        return HostGroup
    if value.dtype != average.dtype:
        return CastGroup
    short = value.is_cpu and value.dim() == 1 and value.numel() <= SHORT
    return JoinedGroup if short else TensorGroup


def _prepared(group: TensorGroup, old: Iterable[TensorGroup]) -> TensorGroup:
    """Make a group ready, or find the old one that it repeats."""
    for other in old:
        if group.repeats(other):
            return other
    group.prepare()
    return group
