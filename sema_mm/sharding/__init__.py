"""Reaches the parameters of a model, whatever trains it."""

from .backend import Backend
from .choice import backend_of

__all__ = ['Backend', 'backend_of']
