"""Room for the values of tensors, in one piece of memory."""

import torch
from torch import Tensor

__all__ = ['room_like']


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
