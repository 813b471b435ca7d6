"""The norm of the filter that each weight belongs to."""

import torch
from torch import Tensor

__all__ = ['filter_norms']


def filter_norms(parameter: Tensor) -> Tensor:
    """Compute the Euclidean norm of each filter of a parameter.

    A filter is what makes one output: one index of the first axis of a
    parameter with two or more axes. In one of fewer axes (a bias, the scale
    of a BatchNorm) each number is a filter.

    Args:
        parameter (Tensor): Of shape (F, ...), or ().

    Returns:
        Tensor: Norms of shape (F, 1, ..., 1), or (F,), or (); they can be
        multiplied with the parameter.
    """
    parameter = parameter.detach()
    if parameter.ndim < 2:
        return parameter.abs()
    axes = tuple(range(1, parameter.ndim))
    return torch.linalg.vector_norm(parameter, dim=axes, keepdim=True)
