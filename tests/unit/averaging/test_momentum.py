import math

import pytest

from sema_mm import MomentumSchedule

D, R, T = 0.999, 0.9, 10  # decay, ratio and length of the warm-up


@pytest.mark.parametrize('step', [0, 1, 5, 9, 10, 11, 1000])
@pytest.mark.parametrize(
    'warmup, decay',
    [
        ('constant', lambda t: R * D),
        ('linear', lambda t: D * (1 - (1 - t / T) * (1 - R))),
        ('exp', lambda t: D * R ** (1 - t / T)),
    ],
)
def test_warmups_of_the_paper(warmup, decay, step):
    schedule = MomentumSchedule(1 - D, warmup, warmup_iters=T, warmup_ratio=R)
    expected = decay(step) if step < T else D
    assert 1 - schedule(step) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize('step', [0, 1, 100, 10**6])
def test_annealing(step):
    schedule = MomentumSchedule(0.001, 'anneal')
    assert schedule(step) == max(0.001, 100 / (100 + step))
    schedule = MomentumSchedule(0.001, 'exp_momentum', gamma=50)
    expected = 0.999 * math.exp(-(1 + step) / 50) + 0.001
    assert schedule(step) == pytest.approx(expected, rel=1e-12)


def test_exp_momentum_is_mmdets():
    layers = pytest.importorskip('mmdet.models.layers')
    import torch
    from torch import nn

    from sema_mm import SwitchEMA

    model = nn.Linear(3, 3)
    theirs = layers.ExpMomentumEMA(model, momentum=0.002, gamma=7)
    ours = SwitchEMA(model, 0.002, warmup='exp_momentum', gamma=7)
    for _ in range(20):
        model.weight.data += torch.rand(3, 3)
        theirs.update_parameters(model)
        ours.update_parameters(model)
    torch.testing.assert_close(
        ours.average_now()['weight'], theirs.module.weight.detach()
    )


def test_repr_names_what_is_set():
    assert repr(MomentumSchedule(0.02)) == 'momentum=0.02'
    text = repr(MomentumSchedule(0.02, 'linear', 5))
    assert text == (
        "momentum=0.02, warmup='linear', warmup_iters=5, warmup_ratio=0.9"
    )
