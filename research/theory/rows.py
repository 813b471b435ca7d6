"""Rows of simulated variances, beside what they should be."""

import dataclasses
from collections.abc import Iterator
from typing import Optional

from rich.progress import track

from . import stationary_variance as closed
from .chains import Estimate, Setting, simulate_ema, simulate_sema
from .noisy_quadratic import NoisyQuadratic

SETTINGS = [
    Setting(0.01, 0.0, 0.01, 100),
    Setting(0.01, 0.0, 0.03, 100),
    Setting(0.02, 0.0, 0.02, 50),
    Setting(0.1, 0.0, 0.003, 300),
    Setting(0.1, 0.0, 0.05, 50),
    Setting(0.5, 0.0, 0.1, 20),
    Setting(1.5, 0.0, 0.1, 5),
    Setting(0.01, 0.9, 0.03, 100),
    Setting(0.1, 0.9, 0.02, 50),
    Setting(0.1, 0.5, 0.1, 10),
    Setting(1.0, 0.9, 0.1, 10),
]


@dataclasses.dataclass(frozen=True)
class Row:
    """One variance.

    Attributes:
        method (str): 'SGD', 'EMA' or 'SEMA'.
        exact (float): By the equation of Lyapunov.
        closed_form (float, optional): By the closed form, where there is
            one; it has been computed apart.
        independent (float): By the formula for independent values.
        simulated (float): Of the simulation.
        standard_error (float): Of that, in percent of it.
        difference (float): Simulated over exact minus 1, in percent.
    """

    sharpness: float
    sgd_momentum: float
    momentum: float
    interval: int
    method: str
    exact: float
    closed_form: Optional[float]
    independent: float
    simulated: float
    standard_error: float
    difference: float


def make_row(setting: Setting, method: str, found: Estimate) -> Row:
    """Put a simulated variance beside the others.

    Args:
        setting (Setting): The point.
        method (str): 'SGD', 'EMA' or 'SEMA'.
        found (Estimate): The simulated variance.

    Returns:
        Row: All of them.
    """
    x, beta = setting.sharpness, setting.sgd_momentum
    m, k = setting.momentum, setting.interval
    model = NoisyQuadratic(x, 1.0, 1.0, beta)
    of_sgd = closed.sgd_variance(x, 1.0, 1.0, beta)
    exact, ratio = {
        'SGD': (model.variance(1.0), 1.0),
        'EMA': (model.variance(m), closed.ema_ratio(x, m)),
        'SEMA': (model.variance(m, k), closed.sema_ratio(x, m, k)),
    }[method]
    return Row(
        **vars(setting),
        method=method,
        exact=exact,
        closed_form=None if beta and method != 'SGD' else of_sgd * ratio,
        independent=of_sgd * (1.0 if method == 'SGD' else m / (2 - m)),
        simulated=found.value,
        standard_error=100 * found.error / found.value,
        difference=100 * (found.value / exact - 1),
    )


def simulate(steps: int, chains: int) -> Iterator[Row]:
    """Yield the variances of SGD, EMA and SEMA in each setting."""
    for seed, setting in enumerate(track(SETTINGS, transient=True)):
        found = simulate_ema(setting, steps, chains, seed)
        found.update(simulate_sema(setting, steps, chains, seed))
        for method, estimate in found.items():
            yield make_row(setting, method, estimate)
