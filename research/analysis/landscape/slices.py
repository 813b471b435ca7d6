"""The loss along random directions that are as long as the filters."""

import itertools
from collections.abc import Mapping, Sequence
from typing import Any, Optional

import numpy as np
import torch
from torch import Tensor, nn

from research.analysis.checks import check_positive
from sema_mm.averaging.arguments import check_count

from ..filter_norms import filter_norms
from ..mean_loss import MeanLoss, Measure
from ..measured_model import kept_values
from ..probes import gaussian

__all__ = ['random_direction', 'slice_1d', 'slice_2d']


def slice_1d(
    model: nn.Module,
    loss_fn: Measure,
    batches: Sequence[tuple[Any, Any]],
    radius: float = 1.0,
    points: int = 21,
    mode: str = 'eval',
    seed: int = 0,
    measures: Optional[Mapping[str, Measure]] = None,
) -> list[dict[str, float]]:
    """Follow the loss along one direction of :func:`random_direction`.

    The model comes back as it was, exceptions included. BatchNorm's running
    statistics stay those of the center: with ``mode='train'`` each point has
    the statistics of its own weights.

    Args:
        model (nn.Module): As for :class:`MeanLoss`, with the next two.
        loss_fn (Callable): The mean loss of a batch.
        batches (Sequence): Pairs of inputs and targets.
        radius (float): How far to go to both sides; 1 changes a filter by
            its own norm. Defaults to 1.
        points (int): Number of points; odd, to have the center among them.
            Defaults to 21.
        mode (str): 'eval' or 'train'. Defaults to 'eval'.
        seed (int): Of the direction. Defaults to 0.
        measures (Mapping[str, Callable], optional): Further columns, such as
            an accuracy: like ``loss_fn``. Defaults to None.

    Returns:
        List[Dict[str, float]]: Rows of ``x``, ``loss``, and the measures, in
        ascending x.
    """
    arguments = model, loss_fn, batches, radius, points, mode, seed, measures
    return _slice(('x',), *arguments)


def slice_2d(
    model: nn.Module,
    loss_fn: Measure,
    batches: Sequence[tuple[Any, Any]],
    radius: float = 1.0,
    points: int = 21,
    mode: str = 'eval',
    seed: int = 0,
    measures: Optional[Mapping[str, Measure]] = None,
) -> list[dict[str, float]]:
    """Follow the loss in two directions; as :func:`slice_1d`.

    The directions are independent, and so nearly orthogonal where there are
    many weights. The first is that of :func:`slice_1d` with the same seed.

    Args:
        model (nn.Module): As for :class:`MeanLoss`, with the next two.
        loss_fn (Callable): The mean loss of a batch.
        batches (Sequence): Pairs of inputs and targets.
        radius (float): How far to go to all four sides. Defaults to 1.
        points (int): Number of points on each axis. Defaults to 21.
        mode (str): 'eval' or 'train'. Defaults to 'eval'.
        seed (int): Of the directions. Defaults to 0.
        measures (Mapping[str, Callable], optional): Further columns.
            Defaults to None.

    Returns:
        List[Dict[str, float]]: ``points ** 2`` rows of ``x``, ``y``,
        ``loss``, and the measures; y ascends for each x.
    """
    arguments = model, loss_fn, batches, radius, points, mode, seed, measures
    return _slice(('x', 'y'), *arguments)


def random_direction(loss: MeanLoss, generator: torch.Generator) -> Tensor:
    r"""Draw a filter-normalised direction (Li et al., arXiv 1712.09913).

    .. math:: d_f = |w_f| \, g_f / |g_f|, \quad g_f \sim N(0, I)

    for each filter f of each parameter with at least two axes; 0 for biases
    and the scales and shifts of normalisations, as in the paper. So networks
    whose weights differ in scale can be compared.

    Args:
        loss (MeanLoss): Has the parameters.
        generator (torch.Generator): Of the CPU.

    Returns:
        Tensor: Of shape (P,), in float64.
    """
    direction = gaussian(loss, generator)
    for part, parameter in zip(loss.split(direction), loss.parameters):
        if parameter.ndim < 2:
            part.zero_()
        else:
            part.mul_(filter_norms(parameter) / filter_norms(part))
    return direction


def _slice(
    axes: Sequence[str],
    model: nn.Module,
    loss_fn: Measure,
    batches: Sequence[tuple[Any, Any]],
    radius: float,
    points: int,
    mode: str,
    seed: int,
    measures: Optional[Mapping[str, Measure]],
) -> list[dict[str, float]]:
    check_positive('radius', radius)
    check_count('points', points, 2)
    loss = MeanLoss(model, loss_fn, batches, mode)
    columns = {'loss': loss_fn, **(measures or {})}
    generator = torch.Generator().manual_seed(seed)
    directions = [random_direction(loss, generator) for _ in axes]
    steps = np.linspace(-radius, radius, points).tolist()
    rows = []
    with kept_values(loss.parameters) as center:
        for place in itertools.product(steps, repeat=len(axes)):
            loss.move_(center, sum(x * d for x, d in zip(place, directions)))
            rows.append({**dict(zip(axes, place)), **loss.means(columns)})
    return rows
