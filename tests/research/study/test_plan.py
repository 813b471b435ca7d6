"""What a study trains, and in which order."""

import importlib

import pytest

from tests.helpers.study_data import write_study
from tests.helpers.tool_runs import ROOT


@pytest.fixture
def plan(monkeypatch):
    return importlib.import_module('research.study.plan')


@pytest.fixture
def study(plan, tmp_path):
    return plan.Study(write_study(tmp_path))


@pytest.fixture
def rows():
    """Validations by which SEMA takes the long window, EMA the short one."""
    row = importlib.import_module('research.study.rows').Row
    values = {
        ('ema', 0.2, None): 90.0,
        ('ema', 0.1, None): 89.0,
        ('ema-bn', 0.2, None): 80.0,
        ('ema-bn', 0.1, None): 81.0,
        ('sema', 0.2, 20): 70.0,
        ('sema', 0.1, 20): 71.0,
        ('sema', 0.2, 7): 99.0,
    }
    return [
        row('cnn', *key, 100, 2, 'val/accuracy', value)
        for key, value in values.items()
    ]


def test_a_window_in_epochs_is_a_momentum(study):
    assert study.steps == 20
    assert study.momenta('cnn') == [0.2, 0.1]


def test_what_chooses_comes_first_and_more_seeds_last(study, rows):
    selection, report, grid, noisy, more = study.stages(rows)
    assert {run.seed for run in selection} == {100}
    assert [run.follow for run in selection if run.follow] == [(0.2, 0.1)]
    assert {run.interval for run in selection} == {None, 20}
    assert {run.setting for run in selection} == {'cnn'}
    assert len(report) == 4 and len(noisy) == 2 and not more
    assert {(run.momentum, run.interval) for run in grid} == {
        (0.2, 7),
        (0.1, 7),
    }


def test_what_reports_has_the_momenta_of_the_validation(study, rows):
    _, report, _, noisy, _ = study.stages(rows)
    for run in report + noisy:
        if run.method == 'sema':
            assert (run.momentum, run.interval) == (0.1, 20)
        if run.method == 'baseline':
            # EMA 0.2, SEMA 0.1; the transformer has no BatchNorm.
            assert run.follow == (0.2, 0.1)


def test_without_validations_nothing_is_chosen(study):
    stages = study.stages([])
    next(stages)
    with pytest.raises(ValueError, match='no rows of val/accuracy'):
        next(stages)


def test_what_has_ended_is_known_by_its_last_epoch(plan, study, rows):
    selection, report, *_ = study.stages(rows)
    run = next(run for run in report if run.method == 'baseline')
    row = plan.Network(run, 'baseline', None).row
    early = [row(1, 'test/accuracy', 1.0), row(2, 'train/loss', 1.0)]
    assert run.key not in plan.finished(early, 2)
    late = [row(2, 'test/accuracy', 1.0)]
    assert run.key in plan.finished(late, 2)
    networks = list(study.reported(rows + late))
    assert [(n.method, n.momentum) for n in networks] == [
        ('baseline', None),
        ('swa', None),
        ('ema', 0.2),
        ('ema-bn', 0.1),
    ]
    # Whoever takes the selection away does not lose what is reported.
    unchosen = [r for r in rows if r.method != 'ema'] + late
    assert list(study.reported(unchosen)) == []


@pytest.mark.parametrize(
    ('old', 'new', 'sentence'),
    [
        ("network='cnn'", "network='rnn'", "network='rnn' of setting 'cnn'"),
        ("'cosine'", "'linear'", "schedule='linear' of setting 'cnn'"),
        ("momenta_of='cnn'", "momenta_of='x'", "momenta_of='x' of setting"),
        ('[0.25, 0.5]', '[0.01]', 'a window of 0.01 epochs'),
    ],
)
def test_wrong_names_and_numbers(plan, tmp_path, old, new, sentence):
    config = write_study(tmp_path)
    config.write_text(config.read_text().replace(old, new))
    with pytest.raises(ValueError, match=sentence):
        plan.Study(config)


def test_settings_are_left_out(study, rows):
    study.keep(['cnn'])
    assert {r.setting for stage in study.stages(rows) for r in stage} == {
        'cnn'
    }
    with pytest.raises(ValueError, match="'rnn' must be one of"):
        study.keep(['rnn'])


def test_the_momenta_of_a_setting_stay_with_it(study):
    with pytest.raises(ValueError, match="takes its momenta of 'cnn'"):
        study.keep(['vit-noise'])


def test_the_study_of_fashion_mnist(plan):
    study = plan.Study(ROOT / 'research/study/fashion_mnist.py')
    assert study.steps == 220
    assert len(study.momenta('cnn-sgd-cosine')) == 7
    assert study.momentum(1) == pytest.approx(1 / 220, rel=1e-4)
    selection = next(study.stages([]))
    assert len(selection) == 2 * 8
