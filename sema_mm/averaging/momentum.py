"""How strongly each update pulls the average towards the model."""

import math
from typing import Optional

from .arguments import check_count, check_number

__all__ = ['MomentumSchedule', 'WARMUPS']

#: The warm-ups, each with the value that ``gamma`` takes when not given
#: (None: this warm-up has no gamma).
WARMUPS = {
    'constant': None,
    'linear': None,
    'exp': None,
    'anneal': 100.0,
    'exp_momentum': 2000.0,
}


class MomentumSchedule:
    r"""The momentum of every update, a pure function of the update's index.

    Momentum is the weight of the NEW value, as in mmengine:
    ``average <- (1 - momentum) * average + momentum * model``. A decay of
    0.999 is a momentum of 0.001; ``1 / momentum`` is the window, the number
    of updates that the average remembers.

    With :math:`m` the final momentum, :math:`d = 1 - m` its decay, :math:`t`
    the index of the update (the number of updates before it), :math:`T` =
    ``warmup_iters``, :math:`r` = ``warmup_ratio`` and :math:`\gamma` =
    ``gamma``, the momentum of update t is

    - ``None``: :math:`m`;
    - ``'constant'``: :math:`1 - r d` while :math:`t < T`, then :math:`m`;
    - ``'linear'``: :math:`1 - d (1 - (1 - t/T)(1 - r))` while
      :math:`t < T`, then :math:`m`;
    - ``'exp'``: :math:`1 - d r^{1 - t/T}` while :math:`t < T`, then
      :math:`m`;
    - ``'anneal'``: :math:`\max(m, \gamma / (\gamma + t))`, mmengine's
      ``MomentumAnnealingEMA``;
    - ``'exp_momentum'``: :math:`(1 - m) e^{-(1 + t)/\gamma} + m`, mmdet's
      ``ExpMomentumEMA``.

    The first three are the warm-ups of the Switch EMA paper
    (arXiv 2402.09240), written there in terms of the decay.

    Args:
        momentum (float): Weight of the new value after the warm-up, above 0
            and at most 0.5. Defaults to 0.001.
        warmup (str, optional): One of the names above. Defaults to None.
        warmup_iters (int): Length T of the warm-up in updates, counted from
            the first update of the average; for 'constant', 'linear' and
            'exp' only. Defaults to 0.
        warmup_ratio (float): Factor r on the decay at the start of the
            warm-up, from 0 to 1; for the same three. Defaults to 0.9.
        gamma (float, optional): Time constant in updates, for 'anneal'
            (there 100 when None) and 'exp_momentum' (2000 when None).
            Defaults to None.

    Raises:
        TypeError: If an argument is not a number of the kind named above.
        ValueError: If an argument is out of its range, or would have no
            effect.
    """

    def __init__(
        self,
        momentum: float = 0.001,
        warmup: Optional[str] = None,
        warmup_iters: int = 0,
        warmup_ratio: float = 0.9,
        gamma: Optional[float] = None,
    ) -> None:
        _check_momentum(momentum)
        _check_warmup(warmup, warmup_iters, warmup_ratio, gamma)
        self.momentum = float(momentum)
        self.warmup = warmup
        self.warmup_iters = warmup_iters
        self.warmup_ratio = float(warmup_ratio)
        if gamma is None and warmup is not None:
            gamma = WARMUPS[warmup]
        self.gamma = gamma

    def __call__(self, step: int) -> float:
        """Return the momentum of one update.

        Args:
            step (int): Index of the update: the number of updates before
                it, from 0.

        Returns:
            float: The weight of the new value.
        """
        if self.gamma is not None:
            return self._annealed(step, self.gamma)
        if self.warmup is None or step >= self.warmup_iters:
            return self.momentum
        return 1 - (1 - self.momentum) * self._decay_factor(step)

    def _annealed(self, step: int, gamma: float) -> float:
        """Momentum that falls with the time constant gamma."""
        m = self.momentum
        if self.warmup == 'anneal':
            return max(m, gamma / (gamma + step))
        return (1 - m) * math.exp(-(1 + step) / gamma) + m

    def _decay_factor(self, step: int) -> float:
        """Factor on the decay during the paper's warm-ups."""
        left = 1 - step / self.warmup_iters
        if self.warmup == 'linear':
            return 1 - left * (1 - self.warmup_ratio)
        if self.warmup == 'exp':
            return self.warmup_ratio**left
        return self.warmup_ratio

    def __repr__(self) -> str:
        text = f'momentum={self.momentum:g}'
        if self.gamma is not None:
            return f"{text}, warmup='{self.warmup}', gamma={self.gamma:g}"
        if self.warmup is not None:
            text += (
                f", warmup='{self.warmup}', "
                f'warmup_iters={self.warmup_iters}, '
                f'warmup_ratio={self.warmup_ratio:g}'
            )
        return text


def _check_momentum(momentum: float) -> None:
    check_number('momentum', momentum, 'the weight of the new value')
    if 0.5 < momentum < 1:
        raise ValueError(
            f'momentum={momentum:g} is too large: momentum is the weight of '
            f'the NEW value; for a decay of {momentum:g} write '
            f'momentum={1 - momentum:.6g}'
        )
    if not 0 < momentum <= 0.5:
        raise ValueError(
            f'momentum={momentum:g} is out of range: it must be above 0 and '
            'at most 0.5, such as 0.001 for a decay of 0.999'
        )


def _check_warmup(
    warmup: Optional[str], iters: int, ratio: float, gamma: Optional[float]
) -> None:
    if warmup is not None and warmup not in WARMUPS:
        raise ValueError(
            f'warmup={warmup!r} is not known: write None or one of '
            + ', '.join(map(repr, WARMUPS))
        )
    check_count('warmup_iters', iters, 0)
    check_number('warmup_ratio', ratio, 'a factor on the decay')
    if not 0 <= ratio <= 1:
        raise ValueError(
            f'warmup_ratio={ratio} is out of range: it is a factor on the '
            'decay, from 0 to 1'
        )
    by_iters = warmup is not None and WARMUPS[warmup] is None
    if by_iters and iters < 1:
        raise ValueError(
            f'warmup={warmup!r} needs warmup_iters, the length of the '
            f'warm-up in updates, of at least 1; got {iters}'
        )
    if not by_iters and iters != 0:
        raise ValueError(
            f'warmup_iters={iters} has no effect with warmup={warmup!r}: '
            "write warmup='constant', 'linear' or 'exp', or leave it out"
        )
    if gamma is not None:
        _check_gamma(warmup, gamma)


def _check_gamma(warmup: Optional[str], gamma: float) -> None:
    if warmup is None or WARMUPS[warmup] is None:
        raise ValueError(
            f'gamma={gamma!r} has no effect with warmup={warmup!r}: write '
            "warmup='anneal' or 'exp_momentum', or leave it out"
        )
    check_number('gamma', gamma, 'a time constant in updates')
    if gamma <= 0:
        raise ValueError(
            f'gamma={gamma} is out of range: it is a time constant in '
            'updates, above 0'
        )
