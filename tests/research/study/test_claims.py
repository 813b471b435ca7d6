"""Verdicts on rows with planted effects, and without any."""

import math

import pytest

from tests.helpers.study_rows import EFFECTS, LAST

EQUAL = dict.fromkeys(EFFECTS, 0.0)
#: Switch EMA changes nothing of the last epoch.
SAME = {metric: (value, 1.0) for metric, (value, _) in LAST.items()}
SETTINGS = ['cnn-sgd-cosine', 'vit-adamw-cosine', 'cnn-sgd-cosine-noise20']


@pytest.fixture
def judged(study, results_of):
    """Judge all claims: claim, other and what is compared to finding."""

    def judge(**options):
        claims = study('claims')
        results = results_of(**options)
        return {
            (claim.text, finding.other, finding.quantity.label): finding
            for claim in claims.CLAIMS
            for finding in claims.judge(results, claim)
        }

    return judge


ACCURACY = 'final test accuracy'
TOP = 'top eigenvalue of the Hessian, training loss'
LOSS = 'training loss of the final network'


def test_planted_effects_are_supported(judged):
    found = judged()
    assert found['better accuracy', 'baseline', ACCURACY].overall == (
        'supported'
    )
    faster = [f for key, f in found.items() if key[0] == 'faster convergence']
    assert {f.overall for f in faster if f.other == 'baseline'} == {
        'supported'
    }
    assert found['flatter optimum', 'baseline', TOP].overall == 'supported'


def test_what_was_not_planted_is_not_supported(judged):
    found = judged()
    # SEMA is like EMA, its training loss like the baseline's, and so is the
    # mean rise of the loss.
    assert found['better accuracy', 'ema', ACCURACY].overall == (
        'not supported'
    )
    deeper = 'sharper (deeper) optimum'
    assert found[deeper, 'baseline', LOSS].overall == 'not supported'
    rise = 'mean rise of the training loss, σ = 0.02'
    finding = found['flatter optimum', 'baseline', rise]
    assert finding.overall == 'not supported'


def test_without_any_effect_nothing_is_supported_but_the_cost(judged):
    found = judged(effects=EQUAL, last=SAME)
    verdicts = {key: finding.overall for key, finding in found.items()}
    cost = [v for key, v in verdicts.items() if key[0] == 'no cost']
    assert cost == ['supported']
    others = {v for key, v in verdicts.items() if key[0] != 'no cost'}
    assert others == {'not supported'}


def test_a_harm_is_no_support_and_is_said_to_be_the_opposite(judged):
    found = judged(effects={**EFFECTS, 'sema': -0.5})
    finding = found['better accuracy', 'baseline', ACCURACY]
    assert finding.overall == 'not supported'
    assert {c.sign for c in finding.comparisons.values()} == {-1}


def test_support_in_some_settings_is_counted(judged, results_of, study):
    rows = results_of().rows
    worse = [
        study('rows').Row(
            *(row.setting, row.method, row.momentum, row.interval),
            *(row.seed, row.epoch, row.metric),
            row.value - 2,
        )
        if (row.setting, row.method, row.metric)
        == ('vit-adamw-cosine', 'sema', 'test/accuracy')
        else row
        for row in rows
    ]
    found = judged(rows=worse)
    finding = found['better accuracy', 'baseline', ACCURACY]
    assert finding.overall == 'supported in 2 of 3 settings'
    assert [finding.verdict(s) for s in SETTINGS] == [
        *('supported', 'not supported', 'supported')
    ]


@pytest.mark.parametrize('factor, verdict', [(1.01, True), (1.05, False)])
def test_no_cost_is_less_than_two_percent(judged, factor, verdict):
    last = {**LAST, 'time/iteration': (40.0, factor)}
    found = judged(last=last)
    finding = found['no cost', 'baseline', 'processor time of an iteration']
    wanted = 'supported' if verdict else 'not supported'
    assert finding.overall == wanted


def test_what_has_no_rows_is_not_measured(judged, results_of):
    rows = [
        row
        for row in results_of().rows
        if row.metric != 'time/iteration'
        and (row.method != 'sema' or row.seed in (0, 100, 101))
    ]
    found = judged(rows=rows)
    finding = found['no cost', 'baseline', 'processor time of an iteration']
    assert finding.overall == 'not measured'
    # One seed has no spread.
    finding = found['better accuracy', 'baseline', ACCURACY]
    assert finding.overall == 'not measured'


def test_settings_without_batch_norm_are_not_asked_for_it(judged):
    found = judged()
    finding = found['better accuracy', 'ema-bn', ACCURACY]
    assert list(finding.comparisons) == [SETTINGS[0], SETTINGS[2]]


def test_intervals_widen_with_the_family(study, results_of):
    results = results_of()
    quantity = study('quantity').ACCURATE
    compare_all = study('comparisons').compare_all
    asked = [
        (SETTINGS[0], method, 'baseline', quantity)
        for method in ('ema', 'sema', 'swa', 'lookahead')
    ]
    [alone] = compare_all(results, asked[:1])
    assert alone.interval == alone.together
    assert alone.p == alone.difference.p_t
    first, *_ = compare_all(results, asked)
    assert first.interval == alone.interval
    assert first.together[0] < first.interval[0]
    assert first.together[1] > first.interval[1]
    assert first.reference == pytest.approx(
        sum(results.values(SETTINGS[0], 'baseline').values()) / 10
    )
    # A pair without seeds is no part of the family.
    nothing = (SETTINGS[1], 'ema-bn', 'baseline', quantity)
    [same] = compare_all(results, [asked[0], nothing])
    assert same.together == alone.together


class TestRule:
    def test_good_windows_are_those_that_were_planted(self, study, results_of):
        rule, results = study('rule'), results_of()
        found = rule.good_range(results, SETTINGS[0], 'sema', 220)
        assert found.best == pytest.approx(0.1, rel=1e-3)
        # At 0.3 epochs 0.91 points are lost, at 0.03 0.08; seeds spread 0.2.
        assert found.low == pytest.approx(0.03, rel=2e-3)
        assert found.high == pytest.approx(0.1, rel=1e-3)
        assert found.gain == pytest.approx(0.5, abs=0.05)
        ema = rule.good_range(results, SETTINGS[0], 'ema', None)
        assert ema.high == pytest.approx(0.3, rel=1e-3)

    def test_none_where_nothing_was_tried(self, study, results_of):
        rule, results = study('rule'), results_of()
        assert rule.good_range(results, SETTINGS[2], 'sema', 220) is None
        assert rule.good_range(results, SETTINGS[0], 'sema', 77) is None
        assert rule.grid(results, SETTINGS[0], 'swa') == {}

    def test_long_windows_are_counted(self, study, results_of):
        """Windows of 0.3 epochs and more lose more than averaging gains."""
        rule, results = study('rule'), results_of()
        # Up to the limit: 0.03, 0.1 and 0.3 epochs of a switch after each;
        # 0.03 of one after 50 of 220 iterations.
        counts = rule.too_long(results, SETTINGS[0], 1 / 3)
        assert counts == [1, 4, 5, 6]
        assert rule.too_long(results, SETTINGS[0], 100) == [6, 10, 0, 0]
        assert rule.too_long(results, SETTINGS[2], 1 / 3) == [0, 0, 0, 0]

    def test_spread_is_that_of_the_baseline(self, study, results_of):
        rule, results = study('rule'), results_of()
        found = rule.spread(results, SETTINGS[0])
        assert found == pytest.approx(0.2, abs=0.06)
        few = results_of(rows=[r for r in results.rows if r.seed == 0])
        assert rule.spread(few, SETTINGS[0]) is None
        gain = rule.good_range(few, SETTINGS[0], 'sema', 220)
        assert gain is None or math.isnan(gain.gain)
