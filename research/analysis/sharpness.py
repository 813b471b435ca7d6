"""How much a loss rises around a solution, in the worst case and on average.

Both measures work on the trainable parameters, in place, and give them their
bits back, exceptions included. With ``adaptive=True`` a perturbation counts
relative to the norm of the filter that it is in (Kwon et al., arXiv
2102.11600): the measure does not change when a layer is scaled and the next
one undoes it, nor when a filter in front of a BatchNorm is scaled. Without,
it does (Dinh et al., arXiv 1703.04933).
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from research.analysis.checks import check_positive
from research.analysis.estimate import mean_and_error
from sema_mm.averaging.arguments import check_count

from .filter_norms import filter_norms
from .mean_loss import MeanLoss, Measure
from .measured_model import kept_values
from .probes import gaussian

__all__ = ['average_case', 'worst_case']


def worst_case(
    model: nn.Module,
    loss_fn: Measure,
    batches: Sequence[tuple[Any, Any]],
    radius: float,
    steps: int = 1,
    mode: str = 'eval',
    adaptive: bool = False,
) -> float:
    r"""Find how much the loss can rise within a ball.

    .. math:: \max_{|e| \le r} L(w + e) - L(w)

    by ascent along the normalised gradient g, projected on the ball:
    :math:`e \leftarrow \Pi_r(e + r\, g(w + e) / |g(w + e)|)` from
    :math:`e = 0`. One step is that of SAM (Foret et al., arXiv 2010.01412).
    The result is the largest rise of those that were visited, a lower bound
    of the maximum which more steps can only raise. At a point without a
    gradient the ascent ends; at the first it has risen by 0.

    With ``adaptive`` the ball is :math:`|T^{-1} e| \le r`, T the norms of
    the filters of w; weights of norm 0 stay.

    Args:
        model (nn.Module): As for :class:`MeanLoss`, with the next two.
        loss_fn (Callable): The mean loss of a batch.
        batches (Sequence): Pairs of inputs and targets.
        radius (float): r, in units of weights; without a unit if adaptive.
        steps (int): Steps of the ascent; each costs a gradient and a value.
            Defaults to 1.
        mode (str): 'eval' or 'train'. Defaults to 'eval'.
        adaptive (bool): Whether norms of filters are the unit. Defaults to
            False.

    Returns:
        float: The rise of the mean loss; below 0 if it fell in all steps.
    """
    check_positive('radius', radius)
    check_count('steps', steps, 1)
    loss = MeanLoss(model, loss_fn, batches, mode)
    scale = _scale(loss, adaptive)
    before = loss.value()
    place = torch.zeros_like(scale)
    rises: list[float] = []
    with kept_values(loss.parameters) as center:
        for _ in range(steps):
            gradient = loss.gradient() * scale
            length = gradient.norm()
            if not length:
                break
            place += radius / length * gradient
            place *= radius / place.norm().clamp(min=radius)
            loss.move_(center, place * scale)
            rises.append(loss.value() - before)
    return max(rises, default=0.0)


def average_case(
    model: nn.Module,
    loss_fn: Measure,
    batches: Sequence[tuple[Any, Any]],
    sigma: float,
    samples: int = 16,
    mode: str = 'eval',
    seed: int = 0,
    adaptive: bool = False,
) -> tuple[float, float]:
    r"""Estimate how much the loss rises under random perturbations.

    .. math:: E_{e \sim N(0, s^2 I)}[L(w + e)] - L(w)

    which is :math:`s^2\, \mathrm{tr} H / 2` for a small s. A sample is
    a pair, :math:`(L(w + e) + L(w - e)) / 2 - L(w)`, in which the slope of
    the loss cancels. With ``adaptive`` the standard deviation of a weight is
    s times the norm of its filter.

    Args:
        model (nn.Module): As for :class:`MeanLoss`, with the next two.
        loss_fn (Callable): The mean loss of a batch.
        batches (Sequence): Pairs of inputs and targets.
        sigma (float): s, in units of weights; without a unit if adaptive.
        samples (int): Number of pairs, at least 2; each costs two values.
            Defaults to 16.
        mode (str): 'eval' or 'train'. Defaults to 'eval'.
        seed (int): Of the perturbations. Defaults to 0.
        adaptive (bool): Whether norms of filters are the unit. Defaults to
            False.

    Returns:
        Tuple[float, float]: The mean rise of the mean loss, and its standard
        error.
    """
    check_positive('sigma', sigma)
    check_count('samples', samples, 2)
    loss = MeanLoss(model, loss_fn, batches, mode)
    scale = sigma * _scale(loss, adaptive)
    generator = torch.Generator().manual_seed(seed)
    before = loss.value()
    rises = []
    with kept_values(loss.parameters) as center:
        for _ in range(samples):
            step = scale * gaussian(loss, generator)
            pair = []
            for way in (step, -step):
                loss.move_(center, way)
                pair.append(loss.value() - before)
            rises.append(sum(pair) / 2)
    return mean_and_error(rises)


def _scale(loss: MeanLoss, adaptive: bool) -> Tensor:
    """Make the vector of the units of all weights."""
    scale = torch.ones(loss.size, dtype=torch.float64, device=loss.device)
    if adaptive:
        for part, parameter in zip(loss.split(scale), loss.parameters):
            part.copy_(filter_norms(parameter).expand_as(part))
    return scale
