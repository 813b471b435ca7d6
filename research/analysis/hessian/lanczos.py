"""The spectral density of the Hessian, by stochastic Lanczos quadrature."""

from collections.abc import Sequence
from typing import Any, Optional

import numpy as np
import torch
from scipy.linalg import eigh_tridiagonal
from torch import Tensor, nn

from research.analysis.checks import check_positive
from sema_mm.averaging.arguments import check_count

from ..mean_loss import MeanLoss, Measure
from ..probes import gaussian

__all__ = ['spectral_density', 'spectral_quadrature']


def spectral_density(
    model: nn.Module,
    loss_fn: Measure,
    batches: Sequence[tuple[Any, Any]],
    samples: int = 4,
    steps: int = 40,
    mode: str = 'eval',
    seed: int = 0,
    width: Optional[float] = None,
    points: int = 1001,
) -> tuple[np.ndarray, np.ndarray]:
    r"""Estimate how the eigenvalues of the Hessian are distributed.

    .. math:: p(t) = \frac{1}{P} \sum_i g_s(t - \lambda_i) \approx
        \frac{1}{K} \sum_k \sum_j w_{kj}\, g_s(t - t_{kj})

    with :math:`g_s` the normal density of standard deviation ``width``, and
    nodes and weights of :func:`spectral_quadrature` (Ghorbani et al., arXiv
    1901.10159).

    Args:
        model (nn.Module): As for :class:`MeanLoss`, with the next two.
        loss_fn (Callable): The mean loss of a batch.
        batches (Sequence): Pairs of inputs and targets.
        samples (int): K, number of random vectors. Defaults to 4.
        steps (int): Products with H for each, and nodes. Defaults to 40.
        mode (str): 'eval' or 'train'. Defaults to 'eval'.
        seed (int): Of the vectors. Defaults to 0.
        width (float, optional): Standard deviation of the smoothing, in
            units of eigenvalues; None: a hundredth of the range of the
            nodes. Defaults to None.
        points (int): Points of the result, T. Defaults to 1001.

    Returns:
        Tuple[np.ndarray, np.ndarray]: Equally spaced t, from five widths
        below the least node to five above the largest, and p(t), whose
        integral is 1; both of shape (T,).

    Raises:
        ValueError: If all nodes are equal and no width is given.
    """
    check_count('points', points, 2)
    if width is not None:
        check_positive('width', width)
    pairs = spectral_quadrature(
        model, loss_fn, batches, samples, steps, mode, seed
    )
    nodes = np.concatenate([node for node, _ in pairs])
    weights = np.concatenate([weight for _, weight in pairs]) / samples
    width = width or float(np.ptp(nodes)) / 100
    if not width:
        raise ValueError('all nodes are equal: give the width of the peak')
    low, high = nodes.min() - 5 * width, nodes.max() + 5 * width
    grid = np.linspace(low, high, points)
    return grid, _bells(grid, nodes, width) @ weights


def spectral_quadrature(
    model: nn.Module,
    loss_fn: Measure,
    batches: Sequence[tuple[Any, Any]],
    samples: int = 4,
    steps: int = 40,
    mode: str = 'eval',
    seed: int = 0,
) -> list[tuple[np.ndarray, np.ndarray]]:
    r"""Find nodes and weights that stand for the Hessian's spectrum.

    .. math:: \frac{1}{P} \mathrm{tr}\, f(H) \approx
        \frac{1}{K} \sum_k \sum_j w_{kj} f(t_{kj})

    For each of K random directions, Lanczos' method makes a tridiagonal
    matrix; its eigenvalues are the nodes, the squares of the first
    components of its eigenvectors the weights (Golub and Welsch 1969; Ubaru,
    Chen and Saad, SIAM J. Matrix Anal. Appl. 2017). Exact in the mean for
    polynomials of degree up to ``2 steps - 1``.

    Args:
        model (nn.Module): As for :class:`MeanLoss`, with the next two.
        loss_fn (Callable): The mean loss of a batch.
        batches (Sequence): Pairs of inputs and targets.
        samples (int): K, number of directions. Defaults to 4.
        steps (int): Products with H for each direction; P if that is less.
            As many vectors of P numbers are kept. Defaults to 40.
        mode (str): 'eval' or 'train'. Defaults to 'eval'.
        seed (int): Of the directions. Defaults to 0.

    Returns:
        List[Tuple[np.ndarray, np.ndarray]]: For each direction the nodes, in
        ascending order, and their weights, which add up to 1; as many as
        steps, or fewer where the vectors span all that H makes of the first.
    """
    check_count('samples', samples, 1)
    check_count('steps', steps, 1)
    loss = MeanLoss(model, loss_fn, batches, mode)
    generator = torch.Generator().manual_seed(seed)
    found = []
    for _ in range(samples):
        diagonal, beside = tridiagonal(loss, gaussian(loss, generator), steps)
        nodes, vectors = eigh_tridiagonal(diagonal, beside)
        found.append((nodes, vectors[0] ** 2))
    return found


def tridiagonal(
    loss: MeanLoss, start: Tensor, steps: int
) -> tuple[list[float], list[float]]:
    """Project the Hessian on what its powers make of a vector.

    Lanczos' method with full orthogonalisation, which curvlinops' lacks,
    done twice as once is not enough in finite precision.

    Args:
        loss (MeanLoss): The loss.
        start (Tensor): Vector of shape (P,), not 0.
        steps (int): Most products with H.

    Returns:
        Tuple[List[float], List[float]]: The diagonal, of at most ``steps``
        numbers, and the one beside it, of one less.
    """
    basis = [start / start.norm()]
    diagonal: list[float] = []
    beside: list[float] = []
    for _ in range(min(steps, loss.size)):
        new = loss.products(basis[-1][None])[0]
        scale = float(new.norm())
        diagonal.append(float(new @ basis[-1]))
        for _ in range(2):
            for vector in basis:
                new -= (new @ vector) * vector
        beside.append(float(new.norm()))
        if beside[-1] <= 1e-12 * scale:
            break
        basis.append(new / beside[-1])
    return diagonal, beside[: len(diagonal) - 1]


def _bells(grid: np.ndarray, nodes: np.ndarray, width: float) -> np.ndarray:
    apart = (grid[:, None] - nodes) / width
    return np.exp(-(apart**2) / 2) / (width * np.sqrt(2 * np.pi))
