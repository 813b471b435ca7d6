"""BatchNorm statistics that belong to the weights a model holds."""

from collections.abc import Iterable
from typing import Any, Callable

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from ..sharding.model_tensors import bare_name

__all__ = ['estimate_statistics', 'has_batch_norm']


def has_batch_norm(model: nn.Module) -> bool:
    """Return whether a model has BatchNorm layers with running statistics."""
    return any(
        isinstance(module, _BatchNorm) and module.running_mean is not None
        for module in model.modules()
    )


@torch.no_grad()
def estimate_statistics(
    model: nn.Module, batches: Iterable, forward: Callable[[Any], Any]
) -> dict[str, Tensor]:
    """Estimate running means and variances for the weights in the model.

    As torch's ``update_bn``: in training mode, each batch with the same
    weight. Layers that the model keeps in evaluation mode when it trains
    (mmdet's ``norm_eval``) are skipped. Modes, buffers and frozen parameters
    of the model (such as a momentum encoder) are restored afterwards.

    Args:
        model (nn.Module): The model, which holds the weights in question.
        batches (Iterable): Training batches.
        forward (Callable): Runs the model on one batch.

    Returns:
        Dict[str, Tensor]: Bare buffer names (``bn.running_mean``, ...) to
        new tensors, for every layer that saw a batch.
    """
    modes = [(module, module.training) for module in model.modules()]
    kept = [(tensor, tensor.clone()) for tensor in _untrained(model)]
    model.train()
    layers = {
        name: module
        for name, module in model.named_modules()
        if isinstance(module, _BatchNorm)
        and module.running_mean is not None
        and module.training
    }
    momenta = {name: layer.momentum for name, layer in layers.items()}
    try:
        for layer in layers.values():
            layer.reset_running_stats()
            layer.momentum = None
        for batch in batches:
            forward(batch)
        return _read(layers)
    finally:
        for name, layer in layers.items():
            layer.momentum = momenta[name]
        for tensor, value in kept:
            tensor.copy_(value)
        for module, mode in modes:
            module.training = mode


def _untrained(model: nn.Module) -> list:
    """Return all that a forward pass in training mode may change."""
    frozen = [p for p in model.parameters() if not p.requires_grad]
    return [*model.buffers(), *frozen]


def _read(layers: dict[str, Any]) -> dict[str, Tensor]:
    found = {}
    for name, layer in layers.items():
        if layer.num_batches_tracked:
            start = bare_name(f'{name}.' if name else '')
            found[f'{start}running_mean'] = layer.running_mean.clone()
            found[f'{start}running_var'] = layer.running_var.clone()
    return found
