"""The loss on the line between two solutions, and on a plane of three."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Callable, Optional

import numpy as np
from torch import nn

from sema_mm.averaging.arguments import check_count, check_number

from ..mean_loss import MeanLoss, Measure
from ..measured_model import kept_values, measured_model
from .mixture import Mixture, Solution

__all__ = ['barrier', 'line', 'plane']


def line(
    model: nn.Module,
    loss_fn: Measure,
    batches: Sequence[tuple[Any, Any]],
    start: Solution,
    end: Solution,
    positions: Optional[Sequence[float]] = None,
    mode: str = 'eval',
    recalibrate: Optional[Callable[[nn.Module], Any]] = None,
    measures: Optional[Mapping[str, Measure]] = None,
) -> list[dict[str, float]]:
    r"""Follow the loss from one solution to another one.

    .. math:: L((1 - t)\, w_{start} + t\, w_{end})

    (Goodfellow et al., arXiv 1412.6544). All parameters are mixed. What
    BatchNorm normalises with is

    - with ``mode='eval'`` the running statistics, mixed in the same way (as
      all buffers of floating point): at both ends those of the solutions, in
      between those of neither;
    - with ``recalibrate`` what that function makes of the mixed weights;
    - with ``mode='train'`` the statistics of each batch.

    Args:
        model (nn.Module): A model that can hold both solutions. It comes
            back as it was, exceptions included.
        loss_fn (Callable): The mean loss of a batch.
        batches (Sequence): Pairs of inputs and targets.
        start (nn.Module | Mapping[str, Tensor]): A model, or a state dict.
        end (nn.Module | Mapping[str, Tensor]): Another one.
        positions (Sequence[float], optional): Values of t. None: 21, from 0
            to 1. Defaults to None.
        mode (str): 'eval' or 'train'. Defaults to 'eval'.
        recalibrate (Callable, optional): Called with the model at each
            position, to set its running statistics; such as
            ``lambda model: torch.optim.swa_utils.update_bn(inputs, model)``.
            Defaults to None.
        measures (Mapping[str, Callable], optional): Further columns, such as
            an accuracy: like ``loss_fn``. Defaults to None.

    Returns:
        List[Dict[str, float]]: Rows of ``position``, ``loss``, and the
        measures, in the order of the positions.
    """
    if positions is None:
        positions = np.linspace(0, 1, 21).tolist()
    places = []
    for position in positions:
        check_number('positions', position)
        where = {'position': float(position)}
        places.append((where, (1 - position, position)))
    mixture = Mixture(model, [start, end])
    loss = MeanLoss(model, loss_fn, batches, mode)
    return _rows(loss, mixture, places, recalibrate, measures)


def plane(
    model: nn.Module,
    loss_fn: Measure,
    batches: Sequence[tuple[Any, Any]],
    solutions: Sequence[Solution],
    points: int = 15,
    margin: float = 0.25,
    mode: str = 'eval',
    recalibrate: Optional[Callable[[nn.Module], Any]] = None,
    measures: Optional[Mapping[str, Measure]] = None,
) -> tuple[list[dict[str, float]], list[tuple[float, float]]]:
    """Follow the loss on the plane through three solutions.

    Coordinates are distances between parameters (Garipov et al., arXiv
    1802.10026): the first solution is at (0, 0), the second at (b, 0), the
    third has y above 0. BatchNorm as for :func:`line`; outside the triangle
    mixed running variances may be negative, which is an error.

    Args:
        model (nn.Module): A model that can hold the solutions. It comes back
            as it was, exceptions included.
        loss_fn (Callable): The mean loss of a batch.
        batches (Sequence): Pairs of inputs and targets.
        solutions (Sequence[nn.Module | Mapping[str, Tensor]]): Three models
            or state dicts.
        points (int): Number of points on each axis. Defaults to 15.
        margin (float): How far to go beyond the solutions on each side, in
            parts of the extent of the triangle. Defaults to 0.25.
        mode (str): 'eval' or 'train'. Defaults to 'eval'.
        recalibrate (Callable, optional): As for :func:`line`. Defaults to
            None.
        measures (Mapping[str, Callable], optional): As for :func:`line`.
            Defaults to None.

    Returns:
        Tuple[List[Dict[str, float]], List[Tuple[float, float]]]:
        ``points ** 2`` rows of ``x``, ``y``, ``loss``, and the measures, y
        ascending for each x; and the coordinates of the solutions.

    Raises:
        ValueError: If there are not three solutions, or they are on a line.
    """
    check_count('points', points, 2)
    check_number('margin', margin)
    if len(solutions) != 3:
        raise ValueError(f'a plane has 3 solutions; got {len(solutions)}')
    mixture = Mixture(model, solutions)
    corners = _corners(mixture)
    (_, (bx, _), (cx, cy)) = corners
    places = []
    for x in _axis([0, bx, cx], points, margin):
        for y in _axis([0, cy], points, margin):
            third = y / cy
            second = (x - cx * third) / bx
            weights = (1 - second - third, second, third)
            places.append(({'x': x, 'y': y}, weights))
    loss = MeanLoss(model, loss_fn, batches, mode)
    return _rows(loss, mixture, places, recalibrate, measures), corners


def barrier(rows: Sequence[Mapping[str, float]]) -> float:
    r"""Measure how far the loss on a line rises above its ends' mean.

    .. math:: \max_t L(t) - (1 - t) L(0) - t L(1)

    over the rows from 0 to 1: 0 for solutions in one convex basin. After
    Frankle et al. (arXiv 1912.05671), who take the mean of the ends.

    Args:
        rows (Sequence[Mapping[str, float]]): Of :func:`line`.

    Returns:
        float: The barrier, at least 0, in units of the loss.

    Raises:
        ValueError: If the position 0 or 1 is missing.
    """
    losses = {row['position']: row['loss'] for row in rows}
    if 0 not in losses or 1 not in losses:
        raise ValueError('the rows of a barrier need the positions 0 and 1')
    return max(
        value - (1 - t) * losses[0] - t * losses[1]
        for t, value in losses.items()
        if 0 <= t <= 1
    )


def _rows(
    loss: MeanLoss,
    mixture: Mixture,
    places: Sequence[tuple[dict[str, float], Sequence[float]]],
    recalibrate: Optional[Callable[[nn.Module], Any]],
    measures: Optional[Mapping[str, Measure]],
) -> list[dict[str, float]]:
    columns = {'loss': loss.loss_fn, **(measures or {})}
    rows = []
    with (
        measured_model(loss.model, loss.mode),
        kept_values(loss.model.parameters()),
    ):
        for where, weights in places:
            mixture.set_(weights)
            if recalibrate:
                recalibrate(loss.model)
            elif loss.mode == 'eval' and mixture.has_negative_variance():
                raise ValueError(
                    f'at {where} the mixed running variances of BatchNorm '
                    "are negative: give recalibrate, or mode='train', or "
                    'stay between the solutions'
                )
            rows.append({**where, **loss.means(columns)})
    return rows


def _corners(mixture: Mixture) -> list[tuple[float, float]]:
    """Find coordinates of three solutions in their plane."""
    length = math.sqrt(mixture.product(1, 1))
    along = mixture.product(1, 2) / length if length else 0.0
    height = math.sqrt(max(mixture.product(2, 2) - along**2, 0.0))
    if height <= 1e-6 * length or not length:
        raise ValueError(
            'the three solutions are on a line (or two are equal): use line'
        )
    return [(0.0, 0.0), (length, 0.0), (along, height)]


def _axis(values: Sequence[float], points: int, margin: float) -> list[float]:
    low, high = min(values), max(values)
    more = margin * (high - low)
    return np.linspace(low - more, high + more, points).tolist()
