"""The closed forms, against the general solution and their limits."""

import itertools

import numpy as np
import pytest

from research.theory.noisy_quadratic import NoisyQuadratic
from research.theory.stationary_variance import (
    ema_ratio,
    progress,
    sema_contraction,
    sema_ratio,
    sgd_variance,
)

GRID = list(
    itertools.product([1e-3, 0.05, 0.7, 1.6], [2e-3, 0.06, 0.5], [1, 7, 400])
)


def model(sharpness, sgd_momentum=0.0):
    return NoisyQuadratic(sharpness / 0.2, 3.0, 0.2, sgd_momentum)


@pytest.mark.parametrize('x, m, k', GRID)
def test_they_solve_the_lyapunov_equation(x, m, k):
    of_sgd = sgd_variance(x / 0.2, 3.0, 0.2)
    exact = model(x)
    assert exact.variance(1.0) == pytest.approx(of_sgd)
    assert exact.variance(m) == pytest.approx(of_sgd * ema_ratio(x, m))
    found = of_sgd * sema_ratio(x, m, k)
    assert exact.variance(m, k) == pytest.approx(found, rel=1e-6)
    found = abs(sema_contraction(x, m, k))
    assert exact.contraction(m, k) == pytest.approx(found, abs=1e-9)


@pytest.mark.parametrize('x', [0.01, 0.5, 1.2])
@pytest.mark.parametrize('beta', [0.5, 0.9])
def test_sgd_with_momentum(x, beta):
    found = sgd_variance(x / 0.2, 3.0, 0.2, beta)
    assert model(x, beta).variance(1.0) == pytest.approx(found)
    assert found > 1.2 * sgd_variance(x / 0.2, 3.0, 0.2)


@pytest.mark.parametrize('x, m, k', GRID)
def test_they_are_the_formulas_of_the_page(x, m, k):
    a, q = 1 - x, 1 - m
    mean = (m * a ** (k + 1) - x * q ** (k + 1)) / (a - q)
    assert sema_contraction(x, m, k) == pytest.approx(mean, abs=1e-12)

    def geometric(z):
        return z * (1 - z**k) / (1 - z)

    powers = geometric(a * a) - 2 * geometric(a * q) + geometric(q * q)
    added = m**2 / (a - q) ** 2 * powers
    found = (1 - a * a) * added / (1 - mean**2)
    assert sema_ratio(x, m, k) == pytest.approx(found, rel=1e-6)


def test_where_the_formulas_are_0_by_0():
    for x in (0.05, 0.05 + 1e-9):
        exact = model(x).variance(0.05, 20) / model(x).variance(1.0)
        assert sema_ratio(x, 0.05, 20) == pytest.approx(exact)


def test_long_intervals_are_ema():
    assert sema_ratio(0.1, 0.03, 3000) == pytest.approx(ema_ratio(0.1, 0.03))
    assert sema_ratio(0.1, 0.03, 10) < 0.9 * ema_ratio(0.1, 0.03)


def test_an_interval_of_one_step_is_a_smaller_learning_rate():
    x, m = 0.4, 0.3
    of_sgd = sgd_variance(1.0, 1.0, x)
    found = of_sgd * sema_ratio(x, m, 1)
    assert found == pytest.approx(sgd_variance(1.0, 1.0, m * x))
    assert sema_contraction(x, m, 1) == pytest.approx(1 - m * x)


@pytest.mark.parametrize('windows', [0.1, 1.0, 3.0, 10.0])
def test_flat_directions(windows):
    k = 10_000
    m, x = windows / k, 1e-9
    lost = 1 - sema_contraction(x, m, k)
    kept = progress(m, k)
    assert lost / (x * k) == pytest.approx(kept, rel=1e-3)
    r = windows
    assert kept == pytest.approx(1 + np.expm1(-r) / r, abs=1e-3)
    own = 1 + 2 * np.expm1(-r) / r - np.expm1(-2 * r) / (2 * r)
    found = sema_ratio(x, m, k)
    assert found == pytest.approx(own / kept, rel=2e-3)
    # more noise than SGD of the learning rate that is as fast
    assert found > 1.003 * kept


def test_an_average_over_independent_values_is_another_thing():
    for x, m in ((0.01, 0.01), (0.1, 0.1), (1.5, 0.1)):
        naive = m / (2 - m)
        assert not 0.98 < ema_ratio(x, m) / naive < 1.02
    # where SGD forgets at once, they are independent
    assert ema_ratio(1.0, 0.1) == pytest.approx(0.1 / 1.9)


@pytest.mark.parametrize('x, m, k', [point for point in GRID if point[0] < 1])
def test_sema_varies_no_more_than_ema(x, m, k):
    assert sema_ratio(x, m, k) <= ema_ratio(x, m) * (1 + 1e-9)
