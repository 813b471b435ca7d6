"""Logged scalars as rows, against what a run of mmengine has printed."""

import json
import math

import pytest

from research.common.scalars import find_logs, read_log, read_scalars
from tests.helpers.toy import build_runner


@pytest.fixture
def write(tmp_path):
    def written(*lines, start='20260101_000000'):
        folder = tmp_path / start / 'vis_data'
        folder.mkdir(parents=True)
        texts = [x if isinstance(x, str) else json.dumps(x) for x in lines]
        (folder / 'scalars.json').write_text('\n'.join(texts))
        return folder / 'scalars.json'

    return written


def cells(folder):
    return [
        (r.kind, r.epoch, r.step, r.metric, r.value)
        for r in read_scalars(folder)
    ]


def test_rows_by_hand(write, tmp_path):
    write(
        {'accuracy': 10, 'time': 0.5, 'step': 0},
        {'lr': 0.1, 'loss': 2.5, 'epoch': 1, 'iter': 4, 'step': 4},
        {'accuracy': 50.0, 'accuracy_origin': 40.0, 'step': 1},
        {'loss': math.nan, 'epoch': 2, 'iter': 8, 'step': 8},
    )
    *rows, last = cells(tmp_path)
    assert rows == [
        ('val', None, 0, 'accuracy', 10.0),
        ('val', None, 0, 'time', 0.5),
        ('train', 1, 4, 'lr', 0.1),
        ('train', 1, 4, 'loss', 2.5),
        ('val', 1, 1, 'accuracy', 50.0),
        ('val', 1, 1, 'accuracy_origin', 40.0),
    ]
    assert last[:4] == ('train', 2, 8, 'loss') and math.isnan(last[4])


def test_a_run_by_iterations_has_no_epochs(write, tmp_path):
    write({'loss': 2.5, 'iter': 4, 'step': 4}, {'accuracy': 5, 'step': 4})
    assert cells(tmp_path) == [
        ('train', None, 4, 'loss', 2.5),
        ('val', None, 4, 'accuracy', 5.0),
    ]


def test_starts_come_in_order(write, tmp_path):
    write({'loss': 1, 'iter': 1, 'step': 1}, start='20260102_000000')
    write({'loss': 2, 'iter': 1, 'step': 1}, start='20260101_000000')
    rows = list(read_scalars(tmp_path))
    assert [row.value for row in rows] == [2, 1]
    assert rows[0].run == str(tmp_path / '20260101_000000')


def test_a_run_of_mmengine(tmp_path):
    runner = build_runner(
        tmp_path,
        visualizer=dict(
            type='Visualizer',
            name='logged',
            save_dir=str(tmp_path / 'run'),
            vis_backends=[dict(type='LocalVisBackend')],
        ),
    )
    runner.train()
    rows = list(read_scalars(tmp_path))
    losses = [r for r in rows if (r.kind, r.metric) == ('train', 'loss')]
    logged = runner.message_hub.log_scalars['train/loss'].data[0]
    assert losses and losses[-1].step == len(logged)
    validated = [r for r in rows if r.kind == 'val']
    epochs = {row.step for row in validated}
    assert epochs == set(range(1, runner.max_epochs + 1))
    assert all(row.epoch == row.step for row in validated)
    (log,) = find_logs(tmp_path)
    count = sum(len({*x} - {'step', 'epoch', 'iter'}) for x in read_log(log))
    assert len(rows) == count


@pytest.mark.parametrize(
    'line, sentence',
    [
        ('{"loss": 1.5, "st', 'line 2 is no JSON'),
        ('', 'line 2 is no JSON'),
        ('[1, 2]', 'line 2 is no JSON object with a "step"'),
        ('{"loss": 1.5}', 'line 2 is no JSON object with a "step"'),
        ('{"loss": "1.5", "step": 1}', "line 2: loss is no number: '1.5'"),
        ('{"loss": null, "step": 1}', 'line 2: loss is no number: None'),
        ('{"loss": [1], "step": 1}', 'line 2: loss is no number'),
        ('{"loss": true, "step": 1}', 'line 2: loss is no number'),
        ('{"loss": 1, "step": 1.5}', 'line 2: step=1.5 is no whole number'),
    ],
)
def test_a_broken_line_names_its_file_and_number(write, line, sentence):
    good = {'loss': 1, 'step': 1}
    file = write(good, line, good)
    with pytest.raises(ValueError, match='scalars.json, ' + sentence):
        read_log(file)
    with pytest.raises(ValueError, match=str(file)):
        list(read_scalars(file.parents[2]))


def test_no_scalars_are_an_error(tmp_path, write):
    with pytest.raises(FileNotFoundError, match=str(tmp_path)):
        list(read_scalars(tmp_path))
    file = write('')
    with pytest.raises(ValueError, match='is empty'):
        read_log(file)
