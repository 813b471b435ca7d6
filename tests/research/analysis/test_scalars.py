"""The command that writes logged scalars as rows."""

import csv
import json
import sys

import pytest

from research.analysis import scalars

LINES = [
    {'lr': 0.1, 'loss': 2.5, 'epoch': 1, 'iter': 4, 'step': 4},
    {'accuracy': 50.0, 'step': 1},
]


@pytest.fixture
def log(tmp_path):
    file = tmp_path / 'run' / '20260101_000000' / 'vis_data' / 'scalars.json'
    file.parent.mkdir(parents=True)
    file.write_text('\n'.join(map(json.dumps, LINES)))
    return file


@pytest.fixture
def run(tmp_path, monkeypatch):
    def ran(*options, folder='run'):
        argv = ['scalars.py', str(tmp_path / folder), *options]
        out = tmp_path / 'rows.csv'
        monkeypatch.setattr(sys, 'argv', [*argv, '--out', str(out)])
        scalars.main()
        with open(out, newline='') as stream:
            return [list(row.values())[1:] for row in csv.DictReader(stream)]

    return ran


def test_all_rows(log, run):
    assert run() == [
        ['train', '1', '4', 'lr', '0.1'],
        ['train', '1', '4', 'loss', '2.5'],
        ['val', '1', '1', 'accuracy', '50.0'],
    ]


def test_chosen_rows(log, run):
    assert [row[3] for row in run('--kind', 'val')] == ['accuracy']
    assert [row[3] for row in run('--metrics', 'loss', 'lr')] == ['lr', 'loss']
    with pytest.raises(SystemExit, match='the metrics are accuracy, loss, lr'):
        run('--metrics', 'los')


def test_broken_logs_leave_no_file(log, run, tmp_path):
    with open(log, 'a') as stream:
        stream.write('\n{"loss"')
    with pytest.raises(SystemExit, match='scalars.json, line 3 is no JSON'):
        run()
    with pytest.raises(SystemExit, match='no vis_data/scalars.json below'):
        run(folder='other')
    assert not (tmp_path / 'rows.csv').exists()
