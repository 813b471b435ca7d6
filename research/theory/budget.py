"""What each method reaches in a given number of epochs, by the model."""

import dataclasses
from collections.abc import Iterator
from typing import Optional

import numpy as np

from .noisy_quadratic import NoisyQuadratic
from .stationary_variance import progress

#: Eigenvalues of the Hessian; the weights start at 1 in each direction.
CURVATURES = np.logspace(-3, 0, 13)
EPOCH, EPOCHS = 100, 20
FIXED_LR = 0.5
LRS = np.logspace(-3, np.log10(1.8), 20)
MOMENTA = np.logspace(-4, np.log10(0.5), 38)
#: Kind and variance of the gradient noise.
NOISES = [(kind, s) for kind in ('hessian', 'isotropic') for s in (0.01, 1.0)]
#: Steps from one switch to the next; None: EMA.
METHODS: dict[str, Optional[int]] = {
    'EMA': None,
    'SEMA, 10 an epoch': EPOCH // 10,
    'SEMA, each epoch': EPOCH,
    'SEMA, each 5 epochs': 5 * EPOCH,
}


@dataclasses.dataclass(frozen=True)
class Best:
    """The best that a method reaches.

    Attributes:
        noise_kind (str): 'hessian': its variance is ``noise`` times the
            curvature; 'isotropic': it is ``noise``.
        noise (float): See there.
        tuned (str): What was chosen: 'momentum', or 'momentum and lr'.
        method (str): The method.
        lr (float): Learning rate.
        momentum (float, optional): Weight of the new value.
        excess_loss (float): Expected loss after the last epoch.
    """

    noise_kind: str
    noise: float
    tuned: str
    method: str
    lr: float
    momentum: Optional[float]
    excess_loss: float


@dataclasses.dataclass(frozen=True)
class Window:
    """What one window does.

    Attributes:
        epochs (float): The window in epochs.
        momentum (float): Its momentum.
        progress (float): Part of the steps that SEMA keeps, switching each
            epoch.
        ema (float): Expected loss of EMA after the last epoch.
        sema (float): The same of SEMA.
    """

    epochs: float
    momentum: float
    progress: float
    ema: float
    sema: float


def loss(
    kind: str,
    noise: float,
    lr: float,
    momentum: float,
    interval: Optional[int],
) -> float:
    """Add the expected loss of all directions.

    Args:
        kind (str): Kind of the noise, see :class:`Best`.
        noise (float): Its variance, see there.
        lr (float): Learning rate.
        momentum (float): Weight of the new value; 1: SGD.
        interval (int, optional): Steps from one switch to the next.

    Returns:
        float: The expected excess loss after the last epoch.
    """
    total = 0.0
    for h in CURVATURES:
        scale = h if kind == 'hessian' else 1.0
        model = NoisyQuadratic(h, noise * scale, lr)
        total += model.excess_loss(momentum, EPOCH * EPOCHS, 1.0, interval)
    return total


def best() -> Iterator[Best]:
    """Choose the momentum, and the learning rate, of each method.

    Yields:
        Best: For each noise, with the learning rate given and chosen.
    """
    for kind, noise in NOISES:
        for lrs in ([FIXED_LR], LRS):
            tuned = 'momentum' if len(lrs) == 1 else 'momentum and lr'
            reached = min((loss(kind, noise, x, 1.0, None), x) for x in lrs)
            yield Best(kind, noise, tuned, 'SGD', reached[1], None, reached[0])
            for method, interval in METHODS.items():
                value, lr, m = min(
                    (loss(kind, noise, x, m, interval), x, m)
                    for x in lrs
                    for m in MOMENTA
                )
                yield Best(kind, noise, tuned, method, lr, m, value)


def windows() -> Iterator[Window]:
    """Compare windows, from a fiftieth of an epoch to ten epochs.

    Yields:
        Window: For the first noise and the given learning rate.
    """
    for epochs in (0.02, 0.05, 0.1, 0.2, 1 / 3, 0.5, 1.0, 2.0, 5.0, 10.0):
        m = 1 / (epochs * EPOCH)
        ema, sema = (
            loss(*NOISES[0], FIXED_LR, m, interval)
            for interval in (None, EPOCH)
        )
        yield Window(epochs, m, progress(m, EPOCH), ema, sema)
