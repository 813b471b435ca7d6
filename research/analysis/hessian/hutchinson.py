"""The trace of the Hessian, by Hutchinson's method."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from research.analysis.estimate import mean_and_error
from sema_mm.averaging.arguments import check_count

from ..mean_loss import MeanLoss, Measure
from ..probes import rademacher

__all__ = ['trace']

#: Vectors that are multiplied at a time.
CHUNK = 8


def trace(
    model: nn.Module,
    loss_fn: Measure,
    batches: Sequence[tuple[Any, Any]],
    samples: int = 32,
    mode: str = 'eval',
    seed: int = 0,
) -> tuple[float, float]:
    r"""Estimate the trace of the Hessian of the mean loss.

    .. math:: \mathrm{tr}\, H = E[z^T H z] \approx
        \frac{1}{K} \sum_k z_k^T H z_k

    with K independent vectors of random signs (Hutchinson, Communications
    in Statistics 1989). The estimate has no bias; one term has the variance
    :math:`2 \sum_{i \ne j} H_{ij}^2`. curvlinops' gives no error.

    Args:
        model (nn.Module): As for :class:`MeanLoss`, with the next two.
        loss_fn (Callable): The mean loss of a batch.
        batches (Sequence): Pairs of inputs and targets.
        samples (int): K, at least 2; each costs a product with H. Defaults
            to 32.
        mode (str): 'eval' or 'train'. Defaults to 'eval'.
        seed (int): Of the signs. Defaults to 0.

    Returns:
        Tuple[float, float]: The estimate, and its standard error: the
        standard deviation of the terms over :math:`\sqrt{K}`.
    """
    check_count('samples', samples, 2)
    loss = MeanLoss(model, loss_fn, batches, mode)
    generator = torch.Generator().manual_seed(seed)
    terms: list[float] = []
    while len(terms) < samples:
        count = min(CHUNK, samples - len(terms))
        signs = [rademacher(loss, generator) for _ in range(count)]
        vectors = torch.stack(signs)
        terms += (vectors * loss.products(vectors)).sum(dim=1).tolist()
    return mean_and_error(terms)
