"""Reaches the parameters of a model, whatever trains it."""

from .backend import Engine
from .choice import engine_of

__all__ = ['Engine', 'engine_of']
