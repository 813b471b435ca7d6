"""Finds the backend of a model."""

from typing import Any, Optional

from torch.distributed.tensor import DTensor

from .backend import Backend
from .fsdp import FSDPBackend, is_fsdp

__all__ = ['backend_of']


def backend_of(model: Any, known: Optional[Backend] = None) -> Backend:
    """Return the backend of a model.

    Args:
        model (nn.Module): A model, maybe wrapped.
        known (Backend, optional): A backend that may be the model's already.
            Defaults to None.

    Returns:
        Backend: ``known`` if it is the model's; else a new one.

    Raises:
        TypeError: If it is not a model.
        RuntimeError: If the model cannot be averaged correctly.
    """
    if known is not None and known.holds(model):
        return known
    if hasattr(model, 'zero_optimization_stage'):
        from .deepspeed import DeepSpeedBackend

        return DeepSpeedBackend(model)
    plain = Backend(model)
    parts = any(map(is_fsdp, model.modules()))
    if parts or any(isinstance(p, DTensor) for p in model.parameters()):
        return FSDPBackend(model)
    return plain
