"""Simulations of the noisy quadratic model, without its formulas.

SGD on a quadratic with momentum is a recursive filter of the noise, and so
is its average; scipy runs both. The noise has the variance 1 and the learning
rate is 1, so that the curvature is the sharpness.
"""

import dataclasses

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter

Numbers = NDArray[np.float64]


@dataclasses.dataclass(frozen=True)
class Setting:
    """One point of the model.

    Attributes:
        sharpness (float): Learning rate times curvature.
        sgd_momentum (float): Heavy-ball momentum of SGD.
        momentum (float): Weight of the new value in the average.
        interval (int): Steps from one switch to the next.
    """

    sharpness: float
    sgd_momentum: float
    momentum: float
    interval: int

    @property
    def poles(self) -> list[float]:
        """Denominator of the filter from the noise to the weights."""
        beta = self.sgd_momentum
        return [1.0, self.sharpness - 1 - beta, beta]

    @property
    def average(self) -> tuple[list[float], list[float]]:
        """Filter from the weights to their average."""
        return [self.momentum], [1.0, self.momentum - 1]


@dataclasses.dataclass(frozen=True)
class Estimate:
    """A variance over several chains.

    Attributes:
        value (float): Mean of the chains' variances.
        error (float): Standard error of that mean.
    """

    value: float
    error: float

    @classmethod
    def of(cls, squares: Numbers) -> 'Estimate':
        """Summarise chains, of the known mean 0.

        Args:
            squares (ndarray): Mean squares, one a chain.

        Returns:
            Estimate: Their mean, and its standard error.
        """
        error = squares.std(ddof=1) / np.sqrt(len(squares))
        return cls(float(squares.mean()), float(error))


def simulate_ema(
    setting: Setting, steps: int, chains: int, seed: int
) -> dict[str, Estimate]:
    """Run SGD and its average, without switches.

    Args:
        setting (Setting): The point; its interval has no effect.
        steps (int): Steps of each chain that count; a tenth as many come
            before, from the minimum.
        chains (int): Number of chains, one after another.
        seed (int): Seed of the noise.

    Returns:
        dict: Estimates of ``'SGD'`` and ``'EMA'``.
    """
    generator = np.random.default_rng(seed)
    found = []
    for _ in range(chains):
        noise = generator.standard_normal(steps + steps // 10)
        weights = lfilter([-1.0], setting.poles, noise)
        averages = lfilter(*setting.average, weights)
        found.append([np.mean(x[-steps:] ** 2) for x in (weights, averages)])
    of_sgd, of_ema = np.array(found).T
    return {'SGD': Estimate.of(of_sgd), 'EMA': Estimate.of(of_ema)}


def simulate_sema(
    setting: Setting, steps: int, chains: int, seed: int
) -> dict[str, Estimate]:
    """Run SGD with an average that is switched into it.

    Args:
        setting (Setting): The point.
        steps (int): Steps of each chain that count; a tenth as many come
            before, from the minimum.
        chains (int): Number of chains, side by side.
        seed (int): Seed of the noise.

    Returns:
        dict: The estimate of ``'SEMA'``, just after the switches.
    """
    generator = np.random.default_rng(seed)
    early, counted = (n // setting.interval for n in (steps // 10, steps))
    switched, velocity = np.zeros((2, chains, 1))
    squares = np.zeros(chains)
    for number in range(early + counted):
        noise = generator.standard_normal((chains, setting.interval))
        switched, velocity = _interval(setting, switched, velocity, noise)
        if number >= early:
            squares += switched[:, 0] ** 2
    return {'SEMA': Estimate.of(squares / counted)}


def _interval(
    setting: Setting, start: Numbers, velocity: Numbers, noise: Numbers
) -> tuple[Numbers, Numbers]:
    """Run one interval from switched weights to switched weights."""
    _, first, second = setting.poles
    # The filter knows velocity as the weights of the step before.
    before = start + velocity
    memory = np.hstack([-first * start - second * before, -second * start])
    weights, _ = lfilter([-1.0], setting.poles, noise, zi=memory)
    memory = (1 - setting.momentum) * start
    averages, _ = lfilter(*setting.average, weights, zi=memory)
    path = np.hstack([start, weights])
    return averages[:, -1:], path[:, -2:-1] - path[:, -1:]
