"""research.seeds: its rows, tables and command."""

import json

import pytest

from research.seeds import summary
from research.seeds.__main__ import evaluates_average
from research.seeds.rows import Row, flatten
from tests.helpers.tool_runs import TOY_CONFIG, run_tool

LOGGED = [
    {'coco/bbox_mAP': 0.25, 'data_time': 0.1, 'time': 0.2, 'step': 1},
    {
        'coco/bbox_mAP': 0.5,
        'coco/bbox_mAP_origin': 0.4,
        'time': 0.2,
        'step': 2,
    },
]


def test_rows_of_average_and_origin():
    rows = list(flatten('name', 7, LOGGED))
    found = [(r.weights, r.epoch, r.metric, r.value) for r in rows]
    assert found == [
        ('origin', 1, 'coco/bbox_mAP', 0.25),
        ('average', 2, 'coco/bbox_mAP', 0.5),
        ('origin', 2, 'coco/bbox_mAP', 0.4),
    ]
    assert {(r.config, r.seed) for r in rows} == {('name', 7)}


def test_rows_of_the_average_alone():
    rows = list(flatten('name', 7, LOGGED, averaged=True))
    assert [r.weights for r in rows] == ['average', 'average', 'origin']


TARGET = "dict(type='sema_mm.SwitchTargetHook'"


@pytest.mark.parametrize(
    ('hook', 'expected'),
    [
        ("dict(type='sema_mm.SwitchEMAHook')", True),
        ("dict(type='EMAHook')", True),
        ("dict(type='sema_mm.SwitchEMAHook', evaluate_on_ema=False)", False),
        (f'{TARGET}, evaluate_on_target=True)', True),
        (f'{TARGET})', False),
        ("dict(type='sema_mm.FirstValidationHook')", False),
    ],
)
def test_a_config_says_what_is_validated(tmp_path, hook, expected):
    config = tmp_path / 'config.py'
    config.write_text(f'custom_hooks = [{hook}]')
    assert evaluates_average(config) is expected


@pytest.fixture
def rows():
    """Three siblings; SEMA with two seeds, the second run a bit better."""
    values = {
        'net_1x-sema_coco': {0: [0.1, 0.5], 1: [0.3, 0.6]},
        'net_1x_coco': {0: [0.2, 0.4]},
        'net_1x-ema_coco': {0: [0.2, 0.3], 1: [0.2, 0.3]},
    }
    return [
        Row(config, seed, 'origin', epoch + 1, 'mAP', value)
        for config, runs in values.items()
        for seed, curve in runs.items()
        for epoch, value in enumerate(curve)
    ]


def test_mean_and_spread_of_the_last_epoch(rows):
    lines = summary.last_epochs(rows, [0, 1]).splitlines()
    assert [line.strip('| ').split(' | ') for line in lines[2:]] == [
        ['net_1x_coco', 'none', 'origin', '0.400', '0.400, -'],
        ['net_1x_coco', 'EMA', 'origin', '0.300 ± 0.000', '0.300, 0.300'],
        ['net_1x_coco', 'SEMA', 'origin', '0.550 ± 0.071', '0.500, 0.600'],
    ]


def test_means_of_all_epochs(rows):
    lines = summary.curves(rows).splitlines()
    assert [line.strip('| ').split(' | ')[-1] for line in lines[2:]] == [
        '0.200, 0.400',
        '0.200, 0.300',
        '0.200, 0.550',
    ]


def test_summary_names_seeds_and_command(rows):
    text = summary.summarise(rows, ['mAP', 'other'], 'Nets', 'make it')
    assert text.startswith('# Nets\n')
    assert 'over 2\nseeds, then each seed (0, 1)' in text
    assert '```bash\nmake it\n```' in text
    assert '## mAP\n' in text
    # No rows, no table.
    assert 'other' not in text


@pytest.mark.slow
def test_runs_each_once_and_goes_on(tmp_path):
    config = tmp_path / 'toy-sema.py'
    config.write_text(TOY_CONFIG.replace('momentum=0.5', 'momentum=0.4'))
    arguments = ['toy-sema.py', '--out', 'out', '--metrics', 'toy/score']
    first = run_tool('research.seeds', *arguments, '--seeds', 3, cwd=tmp_path)
    assert first.returncode == 0, first.stdout
    assert first.stdout.count('done') == 1
    before = (tmp_path / 'out' / 'rows.csv').read_text()
    assert 'toy-sema,3,average,3,toy/score' in before

    # What has rows is not run again, whatever it is now.
    (tmp_path / 'good.py').write_text(config.read_text())
    for broken in (config, tmp_path / 'bad.py'):
        broken.write_text(TOY_CONFIG.replace('ToyMetric', 'NoMetric'))
    more = ['good.py', 'bad.py', *arguments, '--jobs', 2]
    second = run_tool('research.seeds', *more, '--seeds', 3, cwd=tmp_path)
    assert second.returncode == 1
    assert 'bad, seed 3: ended with exit code' in second.stdout
    assert 'toy-sema, seed' not in second.stdout
    after = (tmp_path / 'out' / 'rows.csv').read_text()
    assert after.startswith(before)
    runs = {line.rsplit(',', 4)[0] for line in after.splitlines()[1:]}
    assert runs == {'toy-sema,3', 'good,3'}
    environment = json.loads((tmp_path / 'out/environment.json').read_text())
    assert environment['jobs'] == 1
    assert 'good' in (tmp_path / 'out' / 'summary.md').read_text()

    damaged = f'{after}toy-sema,4'
    (tmp_path / 'out' / 'rows.csv').write_text(damaged)
    third = run_tool('research.seeds', *arguments, '--seeds', 4, cwd=tmp_path)
    assert third.stdout.startswith('error: line ')
    assert len(third.stdout.splitlines()) == 1
    assert (tmp_path / 'out' / 'rows.csv').read_text() == damaged
