"""Reach the tensors of a model: plain, DDP, FSDP, DeepSpeed."""

from .backend import Backend
from .choice import backend_of

__all__ = ['Backend', 'backend_of']
