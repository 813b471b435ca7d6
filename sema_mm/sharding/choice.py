"""Which engine a model has."""

from typing import Any, Optional

from torch.distributed.tensor import DTensor

from .backend import Engine
from .fsdp import FSDPEngine, is_fsdp

__all__ = ['engine_of']


def engine_of(model: Any, known: Optional[Engine] = None) -> Engine:
    """Find the engine of a model.

    Args:
        model (nn.Module): A model, maybe wrapped.
        known (Engine, optional): An engine that may be the model's already.
            Defaults to None.

    Returns:
        Engine: ``known`` if it is the model's; else a new one.

    Raises:
        TypeError: If it is not a model.
        RuntimeError: If averages of the model cannot be made right.
    """
    if known is not None and known.holds(model):
        return known
    if hasattr(model, 'zero_optimization_stage'):
        from .deepspeed import DeepSpeedEngine

        return DeepSpeedEngine(model)
    plain = Engine(model)
    parts = any(map(is_fsdp, model.modules()))
    if parts or any(isinstance(p, DTensor) for p in model.parameters()):
        return FSDPEngine(model)
    return plain
