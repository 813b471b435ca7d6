"""Closed forms of the noisy quadratic model, derived in theory/README.md.

``sharpness`` is the learning rate times the curvature, ``lr * h``, which has
no unit; what stands here holds for SGD without momentum of its own where not
said otherwise. :class:`NoisyQuadratic` computes the same with it.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter

__all__ = [
    'ema_ratio',
    'progress',
    'sema_contraction',
    'sema_ratio',
    'sgd_variance',
]


def sgd_variance(
    curvature: float, noise: float, lr: float, sgd_momentum: float = 0.0
) -> float:
    r"""Compute the stationary variance of SGD.

    .. math::
        V = \frac{\eta \sigma^2}{h} \cdot
        \frac{1 + \beta}{(1 - \beta) (2 (1 + \beta) - \eta h)}

    Args:
        curvature (float): Curvature h.
        noise (float): Variance of the gradient noise.
        lr (float): Learning rate.
        sgd_momentum (float): Heavy-ball momentum. Defaults to 0.

    Returns:
        float: The variance around the minimum.
    """
    beta = sgd_momentum
    damping = (1 - beta) * (2 * (1 + beta) - lr * curvature)
    return lr * noise / curvature * (1 + beta) / damping


def ema_ratio(sharpness: float, momentum: float) -> float:
    r"""Compute the stationary variance of EMA over that of SGD.

    With :math:`a = 1 - \eta h` and :math:`q = 1 - m`:

    .. math:: \frac{m}{2 - m} \cdot \frac{1 + a q}{1 - a q}

    Args:
        sharpness (float): Learning rate times curvature, from 0 to 2.
        momentum (float): Weight of the new value.

    Returns:
        float: The ratio, from 0 to 1 below a sharpness of 1.
    """
    both = (1 - sharpness) * (1 - momentum)
    return momentum / (2 - momentum) * (1 + both) / (1 - both)


def sema_contraction(
    sharpness: float, momentum: float, interval: int
) -> float:
    r"""Compute by what the mean of SEMA shrinks from switch to switch.

    .. math:: c_k = \frac{(1 - q) a^{k+1} - (1 - a) q^{k+1}}{a - q}

    Args:
        sharpness (float): Learning rate times curvature, from 0 to 2.
        momentum (float): Weight of the new value.
        interval (int): Steps k from one switch to the next.

    Returns:
        float: The factor.
    """
    last = _responses(sharpness, momentum, interval)[-1]
    return (1 - momentum) ** interval + (1 - sharpness) * float(last)


def sema_ratio(sharpness: float, momentum: float, interval: int) -> float:
    r"""Compute the variance of SEMA after a switch over that of SGD.

    .. math::
        \frac{1 - a^2}{1 - c_k^2} \cdot \frac{m^2}{(a - q)^2}
        \sum_{l=1}^{k} (a^l - q^l)^2

    Args:
        sharpness (float): Learning rate times curvature, from 0 to 2.
        momentum (float): Weight of the new value.
        interval (int): Steps k from one switch to the next.

    Returns:
        float: The ratio.
    """
    responses = _responses(sharpness, momentum, interval)
    kept = sema_contraction(sharpness, momentum, interval) ** 2
    own = (1 - (1 - sharpness) ** 2) * float(responses @ responses)
    return own / (1 - kept)


def progress(momentum: float, interval: int) -> float:
    r"""Compute the part of its steps that SEMA keeps in flat directions.

    A switch goes back by the mean age of the average. Where
    :math:`\eta h` is far below m and 1 / k, what is left is

    .. math:: f = 1 - \frac{q (1 - q^k)}{m k}

    of the way that SGD goes, as if the learning rate were f times as large.

    Args:
        momentum (float): Weight of the new value.
        interval (int): Steps k from one switch to the next.

    Returns:
        float: The part, from 0 to 1.
    """
    left = 1 - momentum
    return 1 - left * (1 - left**interval) / (momentum * interval)


def _responses(
    sharpness: float, momentum: float, interval: int
) -> NDArray[np.float64]:
    """Return m (a^l - q^l) / (a - q) for l = 1 to k, of shape (k,).

    What a step adds to the average l - 1 steps later; as the sum
    m (a^(l-1) + a^(l-2) q + ... + q^(l-1)), which a = q does not trouble.
    """
    powers = (1 - sharpness) ** np.arange(interval)
    return np.asarray(lfilter([momentum], [1, momentum - 1], powers))
