"""The metric, against scikit-learn and scipy."""

import math

import numpy as np
import pytest
import torch
from mmengine.evaluator import Evaluator
from mmengine.hooks import CheckpointHook
from mmengine.registry import DefaultScope
from scipy import stats
from sklearn import metrics

pytest.importorskip('mmpretrain')

from mmpretrain.structures import DataSample  # noqa: E402

from sema_mm.tasks.regression import RegressionMetric  # noqa: E402
from sema_mm.tasks.regression.measures import (  # noqa: E402
    MEASURES,
    angular_error,
)
from tests.helpers.toy import build_runner  # noqa: E402

ORACLES = {
    'mae': metrics.mean_absolute_error,
    'mse': metrics.mean_squared_error,
    'rmse': metrics.root_mean_squared_error,
    'mape': metrics.mean_absolute_percentage_error,
    'pearson': lambda t, p: stats.pearsonr(t, p).statistic,
    'spearman': lambda t, p: stats.spearmanr(t, p).statistic,
}
ROUNDED = np.random.default_rng(5).integers(1, 100, 50).astype(np.float32)


def pairs(seed, count=201):
    rng = np.random.default_rng(seed)
    targets = rng.uniform(1, 100, count).astype(np.float32)
    return (targets + rng.normal(0, 30, count)).astype(np.float32), targets


def evaluate(metric, predictions, targets, batch=32):
    """Run a metric as mmengine's evaluator does."""
    evaluator = Evaluator(metric)
    samples = [
        DataSample(
            pred_score=torch.tensor([prediction]),
            gt_score=torch.tensor([target]),
        )
        for prediction, target in zip(predictions, targets)
    ]
    for start in range(0, len(samples), batch):
        evaluator.process(samples[start : start + batch])
    return evaluator.evaluate(len(samples))


@pytest.mark.parametrize('seed', range(3))
def test_values_are_those_of_other_libraries(seed):
    predictions, targets = pairs(seed)
    found = evaluate(RegressionMetric(list(MEASURES)), predictions, targets)
    assert found.keys() == {f'regression/{name}' for name in ORACLES}
    one, two = predictions.astype(float), targets.astype(float)
    for name, oracle in ORACLES.items():
        value = found[f'regression/{name}']
        assert isinstance(value, float)
        assert value == pytest.approx(oracle(two, one), rel=1e-12), name
        # Swapped, or shifted by one sample, they are others.
        assert value != pytest.approx(oracle(two, np.roll(one, 1)), rel=1e-3)
    swapped = metrics.mean_absolute_percentage_error(one, two)
    assert found['regression/mape'] != pytest.approx(swapped, rel=1e-3)


def test_equal_ranks():
    predictions = np.round(ROUNDED / 10)
    value = MEASURES['spearman'](predictions, ROUNDED)
    expected = stats.spearmanr(predictions, ROUNDED).statistic
    assert value == pytest.approx(expected)
    assert value < 1


def test_mape_leaves_out_targets_of_zero():
    predictions, targets = pairs(7)
    targets[:20] = 0
    metric = RegressionMetric(('mape',))
    found = evaluate(metric, predictions, targets)['regression/mape']
    rest = ORACLES['mape'](targets[20:].astype(float), predictions[20:])
    assert found == pytest.approx(rest, rel=1e-6)
    # What scikit-learn makes of a division by zero.
    assert ORACLES['mape'](targets, predictions) > 1e10
    assert math.isnan(MEASURES['mape'](predictions, np.zeros(201)))


def test_that_is_said_once(monkeypatch):
    said = []
    monkeypatch.setattr(
        'sema_mm.tasks.regression.regression_metric.print_log',
        lambda text, **_: said.append(text),
    )
    metric = RegressionMetric()
    for targets in ([1.0, 2.0], [0.0, 3.0], [0.0, 0.0]):
        evaluate(metric, [1.0, 1.0], targets)
    assert said == ['mape leaves out 1 of 2 samples, whose target is 0']


@pytest.mark.filterwarnings('error')
@pytest.mark.parametrize('name', ['pearson', 'spearman'])
def test_a_correlation_that_does_not_exist_is_nan(name):
    some, targets = pairs(0)
    for predictions in (
        np.full(201, 3.0),
        np.full(201, np.nan),
        np.r_[np.inf, some[1:]],
    ):
        assert math.isnan(MEASURES[name](predictions, targets))
        assert math.isnan(MEASURES[name](targets, predictions))
    assert math.isfinite(MEASURES[name](some, targets))


def test_a_model_that_is_not_finite_has_no_error_that_is():
    found = evaluate(RegressionMetric(period=360), [1.0, np.nan], [1.0, 2.0])
    assert all(map(math.isnan, found.values()))


def test_angles_the_shorter_way_round():
    predictions = np.array([359.0, 1.0, 0.0, 190.0, -10.0, 725.0, 360.0])
    targets = np.array([1.0, 359.0, 180.0, 0.0, 10.0, 0.0, 0.0])
    apart = [2, 2, 180, 170, 20, 5, 0]
    for chosen, expected in enumerate(apart):
        one = np.s_[chosen : chosen + 1]
        error = angular_error(predictions[one], targets[one], 360)
        assert error == pytest.approx(expected)
    found = evaluate(RegressionMetric(period=360), predictions, targets)
    assert found['regression/angular_error'] == pytest.approx(np.mean(apart))
    assert found['regression/mae'] > 2 * found['regression/angular_error']


def test_angles_by_vectors_on_the_circle():
    rng = np.random.default_rng(3)
    predictions, targets = rng.uniform(-900, 900, (2, 400))
    for period in (360, 2 * math.pi, 24):
        one, two = np.exp(
            2j * np.pi * np.stack([predictions, targets]) / period
        )
        expected = np.abs(np.angle(one / two)).mean() * period / (2 * np.pi)
        found = angular_error(predictions, targets, period)
        assert found == pytest.approx(expected)


def test_any_constant_is_off_by_a_quarter():
    targets = np.arange(0, 360, 0.5)
    for constant in (0, 77, 180):
        predictions = np.full_like(targets, constant)
        assert angular_error(predictions, targets, 360) == pytest.approx(90)


def test_only_angles_have_an_angular_error():
    assert 'regression/angular_error' not in evaluate(
        RegressionMetric(), [1.0], [2.0]
    )


def test_built_by_a_runner_it_is_a_metric(tmp_path):
    """An argument named ``metrics`` would make it an evaluator instead."""
    runner = build_runner(tmp_path)
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        evaluator = runner.build_evaluator(
            dict(
                type='sema_mm.tasks.regression.RegressionMetric',
                items=('mae',),
            )
        )
    assert isinstance(evaluator, Evaluator)
    assert isinstance(evaluator.metrics[0], RegressionMetric)


def test_the_rule_of_the_best_checkpoint_has_to_be_given():
    with pytest.raises(ValueError, match='Cannot infer the rule'):
        CheckpointHook(save_best='regression/mae')
    hook = CheckpointHook(save_best='regression/mae', rule='less')
    assert hook.rule_map[hook.rules[0]](1.0, 2.0)


@pytest.mark.parametrize(
    ('arguments', 'sentence'),
    [
        (
            dict(items=['mea']),
            r"items=\['mea'\] must be a list of some of mae",
        ),
        (dict(items='mae'), "items='mae' must be a list"),
        (dict(items=['angular_error']), 'must be a list of some of'),
        (dict(period=0), 'period=0 must be above 0'),
        (dict(period=math.inf), 'period=inf must be above 0 and finite'),
    ],
)
def test_wrong_arguments(arguments, sentence):
    with pytest.raises(ValueError, match=sentence):
        RegressionMetric(**arguments)


def test_a_period_that_is_no_number():
    with pytest.raises(TypeError, match="period='360' must be a number"):
        RegressionMetric(period='360')


@pytest.mark.parametrize('missing', ['pred_score', 'gt_score'])
def test_samples_that_lack_a_number(missing):
    keys = {'pred_score', 'gt_score'} - {missing}
    sample = DataSample(**{key: torch.zeros(1) for key in keys})
    evaluator = Evaluator(RegressionMetric())
    with pytest.raises(ValueError, match=f'reads {missing}, which the sampl'):
        evaluator.process([sample])
