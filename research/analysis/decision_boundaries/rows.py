"""Rows of the decision boundaries."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Accuracy:
    """A test accuracy.

    Attributes:
        data (str): 'circles' or 'moons'.
        method (str): 'baseline', 'EMA' or 'SEMA'.
        seed (int): Seed of the training; the data do not depend on it.
        epoch (int): The epoch, counted from 1.
        value (float): Fraction of the test points that are right.
    """

    data: str
    method: str
    seed: int
    epoch: int
    value: float


@dataclasses.dataclass(frozen=True)
class Probability:
    """What a trained network says of one point of the plane.

    Attributes:
        data (str): 'circles' or 'moons'.
        method (str): 'baseline', 'EMA' or 'SEMA'.
        seed (int): Seed of the training.
        x (float): First coordinate.
        y (float): Second coordinate.
        value (float): Probability of class 1.
    """

    data: str
    method: str
    seed: int
    x: float
    y: float
    value: float
