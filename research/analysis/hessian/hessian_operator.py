"""The Hessian as a linear operator of scipy."""

import numpy as np
import torch
from scipy.sparse.linalg import LinearOperator

from ..mean_loss import MeanLoss

__all__ = ['HessianOperator']


class HessianOperator(LinearOperator):
    """The Hessian of a mean loss, of shape (P, P), which is never stored.

    For whatever scipy does with matrices that it can only multiply. P and
    the order of the parameters are those of :class:`MeanLoss`; each product
    is made for the weights that the model holds at that moment.

    Args:
        loss (MeanLoss): The loss.
    """

    def __init__(self, loss: MeanLoss) -> None:
        super().__init__(dtype=np.float64, shape=(loss.size, loss.size))
        self._loss = loss

    def _matvec(self, vector: np.ndarray) -> np.ndarray:
        return self._matmat(vector.reshape(-1, 1))[:, 0]

    def _matmat(self, vectors: np.ndarray) -> np.ndarray:
        rows = torch.tensor(vectors.T, device=self._loss.device)
        return self._loss.products(rows.double()).cpu().numpy().T

    def _adjoint(self) -> 'HessianOperator':
        return self
