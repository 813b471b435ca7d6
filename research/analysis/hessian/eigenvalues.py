"""The largest eigenvalues of the Hessian, by scipy's Lanczos method."""

from collections.abc import Sequence
from typing import Any

import torch
from scipy.sparse.linalg import ArpackError, eigsh
from torch import nn

from research.analysis.checks import check_positive
from sema_mm.averaging.arguments import check_count

from ..mean_loss import MeanLoss, Measure
from ..probes import gaussian
from .hessian_operator import HessianOperator

__all__ = ['top_eigenvalues']


def top_eigenvalues(
    model: nn.Module,
    loss_fn: Measure,
    batches: Sequence[tuple[Any, Any]],
    k: int = 1,
    mode: str = 'eval',
    seed: int = 0,
    tolerance: float = 1e-2,
    restarts: int = 100,
) -> list[float]:
    r"""Compute the k largest eigenvalues of the Hessian of the mean loss.

    The first is the usual measure of sharpness: the largest curvature,
    :math:`\max_{|v|=1} v^T H v`. Largest means most positive, not largest
    in absolute value. scipy's ``eigsh`` (ARPACK) finds them in some tens of
    products with H; it keeps ``max(20, 2 k + 1)`` vectors of P numbers.

    Args:
        model (nn.Module): As for :class:`MeanLoss`, with the next three.
        loss_fn (Callable): The mean loss of a batch.
        batches (Sequence): Pairs of inputs and targets.
        k (int): How many, below P. Defaults to 1.
        mode (str): 'eval' or 'train'. Defaults to 'eval'.
        seed (int): Of the vector to start from. Defaults to 0.
        tolerance (float): Residual :math:`|H v - \lambda v|` over
            :math:`|\lambda|` to stop at: a bound of the relative error,
            which is about its square. Defaults to 1e-2.
        restarts (int): How often to start again from the best vectors.
            Defaults to 100.

    Returns:
        List[float]: The eigenvalues, the largest first.

    Raises:
        ValueError: If k is not below P.
        RuntimeError: If they are not found.
    """
    check_count('k', k, 1)
    check_count('restarts', restarts, 1)
    check_positive('tolerance', tolerance)
    loss = MeanLoss(model, loss_fn, batches, mode)
    if k >= loss.size:
        raise ValueError(
            f'k={k} must be below the number of parameters, {loss.size}'
        )
    start = gaussian(loss, torch.Generator().manual_seed(seed))
    try:
        found = eigsh(
            HessianOperator(loss),
            k,
            which='LA',
            v0=start.cpu().numpy(),
            tol=tolerance,
            maxiter=restarts,
            return_eigenvectors=False,
        )
    except ArpackError as error:
        raise RuntimeError(
            f'the {k} largest eigenvalues were not found with tolerance='
            f'{tolerance} and restarts={restarts}: raise one of them '
            f'({str(error).strip()})'
        ) from error
    return sorted(map(float, found), reverse=True)
