"""Rows of validations: one number in each."""

import dataclasses
from collections.abc import Iterable, Iterator
from typing import Any

#: What mmengine logs beside the metrics.
NO_METRICS = ('step', 'time', 'data_time')
ORIGIN = '_origin'


@dataclasses.dataclass(frozen=True)
class Row:
    """One metric of one validation.

    Attributes:
        config (str): Name of the config.
        seed (int): Seed of the run.
        weights (str): ``'average'``, or ``'origin'`` for the weights that
            the optimizer left.
        epoch (int): The epoch, counted from 1.
        metric (str): Its name.
        value (float): Its value.
    """

    config: str
    seed: int
    weights: str
    epoch: int
    metric: str
    value: float


def flatten(
    config: str,
    seed: int,
    validations: Iterable[dict[str, Any]],
    averaged: bool = False,
) -> Iterator[Row]:
    """Make rows of what was logged.

    Args:
        config (str): Name of the config.
        seed (int): Seed of the run.
        validations (Iterable[dict]): The validations.
        averaged (bool): Whether they are of the average; else those alone
            are that have metrics of the origin beside it. Defaults to False.

    Yields:
        Row: The rows.
    """
    for logged in validations:
        epoch = logged['step']
        both = any(name.endswith(ORIGIN) for name in logged)
        for name, value in logged.items():
            if name in NO_METRICS:
                continue
            of_origin = name.endswith(ORIGIN) or not (averaged or both)
            weights = 'origin' if of_origin else 'average'
            metric = name[: -len(ORIGIN)] if name.endswith(ORIGIN) else name
            yield Row(config, seed, weights, epoch, metric, value)
