"""Evaluation of frozen features, as loops of mmengine's runner."""

from .knn_test_loop import KNNTestLoop
from .knn_val_loop import KNNValLoop

__all__ = ['KNNTestLoop', 'KNNValLoop']
