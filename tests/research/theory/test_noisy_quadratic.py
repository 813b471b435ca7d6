"""The noisy quadratic model, against torch, SwitchEMA and a plain loop."""

import numpy as np
import pytest
import torch
from torch import nn

import sema_mm
from research.theory.noisy_quadratic import NoisyQuadratic

SETTINGS = [  # lr * curvature, SGD's momentum, momentum, interval
    (0.05, 0.0, 0.1, 20),
    (0.05, 0.9, 0.1, 20),
    (1.5, 0.5, 0.3, 3),
    (0.2, 0.9, 0.02, 1),
]


def train(model, momentum, interval, switches, distance=2.0):
    """Train with torch and SwitchEMA; return the last average, squared."""
    weight = nn.Linear(1, 1, bias=False, dtype=torch.float64)
    nn.init.constant_(weight.weight, distance)
    optimizer = torch.optim.SGD(
        weight.parameters(), model.lr, momentum=model.sgd_momentum
    )
    average = sema_mm.SwitchEMA(weight, momentum)
    average.update_parameters(weight)  # the first copies: phi_0 = theta_0
    for _ in range(switches):
        for _ in range(interval or 1):
            optimizer.zero_grad()
            (model.curvature / 2 * weight.weight.square().sum()).backward()
            optimizer.step()
            average.update_parameters(weight)
        if interval:
            average.switch_parameters(weight)
    average.switch_parameters(weight)
    return model.curvature / 2 * float(weight.weight.detach()) ** 2


@pytest.mark.parametrize('x, beta, m, k', SETTINGS)
def test_the_mean_is_that_of_our_switch_ema(x, beta, m, k):
    model = NoisyQuadratic(x / 0.1, 0.0, 0.1, beta)
    for interval in (k, None):
        expected = train(model, m, interval, switches=5)
        found = model.excess_loss(m, 5 * (interval or 1), 2.0, interval)
        assert found == pytest.approx(expected, rel=1e-9, abs=1e-15)


@pytest.mark.parametrize('x, beta, m, k', SETTINGS)
def test_the_covariance_is_that_of_a_plain_loop(x, beta, m, k):
    lr, noise = 0.1, 0.7
    # the response of (theta, v, phi) to each of the kicks, step by step
    kicks = np.zeros((3, 0))
    for step in range(1, 4 * k + 1):
        theta, v, phi = np.hstack([kicks, np.zeros((3, 1))])
        v = beta * v + x / lr * theta
        v[-1] += np.sqrt(noise)
        theta = theta - lr * v
        phi = (1 - m) * phi + m * theta
        if step % k == 0:
            theta = phi
        kicks = np.stack([theta, v, phi])
    expected = x / lr / 2 * (kicks[2] @ kicks[2])
    model = NoisyQuadratic(x / lr, noise, lr, beta)
    found = model.excess_loss(m, 4 * k, 0.0, k)
    assert found == pytest.approx(expected, rel=1e-9)
    without = model.excess_loss(m, 4 * k, 0.0)
    assert without != pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize('x, beta, m, k', SETTINGS)
def test_the_limits_are_the_stationary_values(x, beta, m, k):
    model = NoisyQuadratic(x / 0.1, 0.7, 0.1, beta)
    for interval in (k, None):
        steps = 3000 * k
        late = model.excess_loss(m, steps, 1.0, interval)
        variance = model.variance(m, interval)
        assert late == pytest.approx(model.curvature * variance / 2)
    still = NoisyQuadratic(x / 0.1, 0.0, 0.1, beta)
    first, second = (still.excess_loss(m, n * k, 1.0, k) for n in (200, 2000))
    if second > 1e-250:
        rate = (second / first) ** (1 / 3600)
        assert rate == pytest.approx(still.contraction(m, k), rel=0.01)


def test_ema_forgets_no_faster_than_its_window():
    model = NoisyQuadratic(1.0, 0.0, 0.1)
    assert model.contraction(1.0) == pytest.approx(0.9)
    assert model.contraction(0.5) == pytest.approx(0.9)
    assert model.contraction(0.01) == pytest.approx(0.99)
    assert model.contraction(0.01, 50) > 0.9**50


@pytest.mark.parametrize(
    'arguments, sentence',
    [
        ((0, 1, 0.1), 'curvature=0 must'),
        ((1, -1, 0.1), 'noise=-1 must'),
        ((1, 1, 0), 'lr=0 must'),
        ((1, 1, 0.1, 1), 'sgd_momentum=1 must'),
        ((20, 1, 0.1), r'2 makes SGD diverge.* = 2$'),
        ((38, 1, 0.1, 0.9), r'3.8 makes SGD diverge.* = 3.8$'),
        ((float('nan'), 1, 0.1), 'curvature=nan'),
    ],
)
def test_wrong_models(arguments, sentence):
    with pytest.raises(ValueError, match=sentence):
        NoisyQuadratic(*arguments)


def test_wrong_averages():
    model = NoisyQuadratic(1, 1, 0.1)
    with pytest.raises(ValueError, match='momentum=0 must'):
        model.variance(0)
    with pytest.raises(ValueError, match='interval=0 must'):
        model.variance(0.1, 0)
    with pytest.raises(ValueError, match='steps=10 must be a multiple of int'):
        model.excess_loss(0.1, 10, 1.0, 3)
    with pytest.raises(ValueError, match='steps=0'):
        model.excess_loss(0.1, 0, 1.0)


def test_slow_momentum_is_a_larger_learning_rate():
    beta, m, k = 0.9, 0.005, 400
    heavy = NoisyQuadratic(1e-4, 1.0, 1.0, beta)
    plain = NoisyQuadratic(1e-4, 1.0, 1.0 / (1 - beta))
    for interval in (k, None):
        expected = plain.variance(m, interval)
        assert heavy.variance(m, interval) == pytest.approx(expected, rel=0.05)
    assert heavy.contraction(m, k) == pytest.approx(
        plain.contraction(m, k), abs=0.02
    )
    same = NoisyQuadratic(1e-4, 1.0, 1.0)
    assert same.variance(m, k) < 0.2 * plain.variance(m, k)
    assert same.contraction(m, k) > plain.contraction(m, k) + 0.1
