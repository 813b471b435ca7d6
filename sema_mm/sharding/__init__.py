"""Reaches the parameters of a model, whatever trains it."""

from .choice import engine_of
from .backend import Engine

__all__ = ['Engine', 'engine_of']
