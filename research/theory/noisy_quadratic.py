"""The noisy quadratic model: SGD, EMA and Switch EMA near a minimum."""

import dataclasses
from typing import Optional

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve_discrete_lyapunov

__all__ = ['NoisyQuadratic']

Matrix = NDArray[np.float64]
#: What a switch does to (theta, v, phi): theta <- phi.
SWITCH = np.array([[0.0, 0.0, 1.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])


@dataclasses.dataclass(frozen=True)
class NoisyQuadratic:
    r"""One eigendirection of a quadratic loss, with noisy gradients.

    The loss is :math:`h \theta^2 / 2`, its gradient at step t
    :math:`h \theta_{t-1} + \varepsilon_t` with independent noise of mean 0
    and variance :math:`\sigma^2`. SGD with the learning rate :math:`\eta`
    and heavy-ball momentum :math:`\beta` (torch's convention), and its
    average with the momentum m:

    .. math::
        v_t = \beta v_{t-1} + h \theta_{t-1} + \varepsilon_t, \quad
        \theta_t = \theta_{t-1} - \eta v_t, \quad
        \phi_t = (1 - m) \phi_{t-1} + m \theta_t

    This is a linear map of :math:`(\theta, v, \phi)` plus noise, and so are
    k steps and a switch; mean and covariance follow. Only the mean and the
    variance of the noise matter: it need not be Gaussian. Derived, with the
    closed forms for :math:`\beta = 0`, in research/theory/README.md. The
    model is that of Zhang et al. (arXiv 1907.04164); the switch is added.

    Args:
        curvature (float): Eigenvalue h of the Hessian, above 0.
        noise (float): Variance of the gradient noise, at least 0.
        lr (float): Learning rate, above 0.
        sgd_momentum (float): Heavy-ball momentum, from 0 to below 1.
            Defaults to 0.

    Raises:
        ValueError: If an argument is out of its range, or if SGD diverges:
            ``lr * curvature`` must be below ``2 * (1 + sgd_momentum)``.
    """

    curvature: float
    noise: float
    lr: float
    sgd_momentum: float = 0.0

    def __post_init__(self) -> None:
        for name in ('curvature', 'lr'):
            if not getattr(self, name) > 0:
                raise ValueError(f'{name}={getattr(self, name)} must be > 0')
        if not self.noise >= 0:
            raise ValueError(f'noise={self.noise} must be at least 0')
        if not 0 <= self.sgd_momentum < 1:
            raise ValueError(
                f'sgd_momentum={self.sgd_momentum} must be from 0 to below 1'
            )
        sharpness = self.lr * self.curvature
        if not sharpness < 2 * (1 + self.sgd_momentum):
            raise ValueError(
                f'lr * curvature = {sharpness:g} makes SGD diverge: it must '
                f'be below 2 * (1 + sgd_momentum) = '
                f'{2 * (1 + self.sgd_momentum):g}'
            )

    def variance(
        self, momentum: float, interval: Optional[int] = None
    ) -> float:
        """Compute the stationary variance of the average.

        Args:
            momentum (float): Weight of the new value in the average; 1 for
                SGD itself.
            interval (int, optional): Steps from one switch to the next, just
                after which the variance is that of the weights, too. None:
                no switches, EMA. Defaults to None.

        Returns:
            float: The variance around the minimum, where the mean is. Times
            ``curvature / 2`` it is the expected excess loss.
        """
        covariance = solve_discrete_lyapunov(*self._unit(momentum, interval))
        return float(covariance[2, 2])

    def contraction(
        self, momentum: float, interval: Optional[int] = None
    ) -> float:
        """Compute by what the distance of the mean shrinks in the long run.

        Args:
            momentum (float): Weight of the new value in the average; 1 for
                SGD itself.
            interval (int, optional): Steps from one switch to the next.
                None: no switches. Defaults to None.

        Returns:
            float: Factor per interval, per step without switches: the
            largest modulus of an eigenvalue.
        """
        transition, _ = self._unit(momentum, interval)
        return float(abs(np.linalg.eigvals(transition)).max())

    def excess_loss(
        self,
        momentum: float,
        steps: int,
        distance: float,
        interval: Optional[int] = None,
    ) -> float:
        """Compute the expected loss of the average after some steps.

        Args:
            momentum (float): Weight of the new value in the average; 1 for
                SGD itself.
            steps (int): Number of steps; with switches a multiple of the
                interval, and the last switch is done.
            distance (float): Distance from the minimum at the start, of the
                weights and of the average.
            interval (int, optional): Steps from one switch to the next.
                None: no switches. Defaults to None.

        Returns:
            float: The expectation of ``curvature * average**2 / 2``.

        Raises:
            ValueError: If ``steps`` is no multiple of the interval.
        """
        times, rest = divmod(steps, interval or 1)
        if rest or steps < 1:
            raise ValueError(
                f'steps={steps} must be a multiple of interval={interval}, '
                'and at least 1'
            )
        unit = self._unit(momentum, interval)
        transition, covariance = _repeat(*unit, times)
        mean = transition @ [distance, 0.0, distance]
        return float(self.curvature * (mean[2] ** 2 + covariance[2, 2]) / 2)

    def _unit(
        self, momentum: float, interval: Optional[int]
    ) -> tuple[Matrix, Matrix]:
        """Return the map of a step, or of an interval with its switch.

        Args:
            momentum (float): Weight of the new value in the average.
            interval (int, optional): Steps of the interval.

        Returns:
            Tuple[ndarray, ndarray]: What (theta, v, phi) is multiplied
            with, and the covariance of what is added; both of shape (3, 3).

        Raises:
            ValueError: If an argument is out of its range.
        """
        if not 0 < momentum <= 1:
            raise ValueError(f'momentum={momentum} must be > 0 and at most 1')
        if interval is not None and interval < 1:
            raise ValueError(f'interval={interval} must be at least 1')
        h, lr, beta, m = self.curvature, self.lr, self.sgd_momentum, momentum
        theta = np.array([1 - lr * h, -lr * beta, 0.0])
        average = m * theta + [0.0, 0.0, 1 - m]
        transition = np.array([theta, [h, beta, 0.0], average])
        kick = np.array([-lr, 1.0, -m * lr])
        noise = self.noise * np.outer(kick, kick)
        if interval is None:
            return transition, noise
        transition, noise = _repeat(transition, noise, interval)
        return SWITCH @ transition, SWITCH @ noise @ SWITCH.T


def _repeat(
    transition: Matrix, noise: Matrix, times: int
) -> tuple[Matrix, Matrix]:
    """Apply a noisy linear map several times, by repeated squaring."""
    total = np.eye(len(noise)), np.zeros_like(noise)
    while times:
        if times % 2:
            total = _then(total, (transition, noise))
        transition, noise = _then((transition, noise), (transition, noise))
        times //= 2
    return total


def _then(
    first: tuple[Matrix, Matrix], second: tuple[Matrix, Matrix]
) -> tuple[Matrix, Matrix]:
    """Chain two noisy linear maps."""
    matrix, noise = second
    return matrix @ first[0], matrix @ first[1] @ matrix.T + noise
