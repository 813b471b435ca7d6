"""The demo of classification and its report."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from rich.console import Console

from demo import classification, report
from tests.helpers.tool_runs import environment, run_tool

LOGS = {
    'baseline': [{'accuracy/top1': 80.0}, {'accuracy/top1': 96.0}],
    'SEMA': [
        {'accuracy/top1': 95.0, 'accuracy/top1_origin': 70.0},
        {'accuracy/top1': 94.0, 'accuracy/top1_origin': 90.0},
    ],
}


@pytest.fixture
def curves(tmp_path):
    """Read the curves of two made-up runs."""
    for name, rows in LOGS.items():
        for start in ('20260101_000000', '20260101_000001'):
            folder = tmp_path / name / start / 'vis_data'
            folder.mkdir(parents=True)
            lines = [{'epoch': 1, 'loss': 0.5, 'step': 1}]
            if start.endswith('1'):
                lines += [{**row, 'step': i + 1} for i, row in enumerate(rows)]
            file = folder / 'scalars.json'
            file.write_text('\n'.join(map(json.dumps, lines)))
            seconds = int(start[-1])
            os.utime(file, (seconds, seconds))
    ends = [10.0, 12.0, 15.0, 16.0]
    return [report.read_curve(name, tmp_path / name, ends) for name in LOGS]


def test_curves_are_those_of_the_latest_run(curves):
    baseline, sema = curves
    assert baseline.epochs == sema.epochs == [1, 2]
    assert (baseline.average, baseline.origin) == (None, [80.0, 96.0])
    assert (sema.average, sema.origin) == ([95.0, 94.0], [70.0, 90.0])
    assert sema.seconds == 2.0


def test_summary(curves):
    rows = [row for curve in curves for row in report.summary(curve)]
    found = [
        tuple(
            row[key]
            for key in ('run', 'weights', 'final', 'best', 'first_epoch_at_95')
        )
        for row in rows
    ]
    assert found == [
        ('baseline', 'origin', 96.0, 96.0, 2),
        ('SEMA', 'average', 94.0, 95.0, 1),
        ('SEMA', 'origin', 90.0, 90.0, None),
    ]


def test_table_fits_a_terminal(curves, capsys):
    Console(width=80).print(report.table(curves, 3))
    text = capsys.readouterr().out
    assert 'seed 3' in text
    (line,) = (line for line in text.splitlines() if '90.00' in line)
    assert line.split()[1:8:2] == ['SEMA', 'origin', '90.00', '90.00']


def test_files(curves, tmp_path):
    report.write_rows(curves, 3, tmp_path)
    with open(tmp_path / 'curves.csv') as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 6
    assert rows[0] == {
        'seed': '3',
        'run': 'baseline',
        'weights': 'origin',
        'epoch': '1',
        'accuracy/top1': '80.0000',
    }
    table = json.loads((tmp_path / 'table.json').read_text())
    assert table['seed'] == 3
    assert len(table['rows']) == 3
    report.draw(curves, tmp_path / 'curves.png')
    assert (tmp_path / 'curves.png').read_bytes().startswith(b'\x89PNG')


def test_epochs_must_be_positive(monkeypatch, capsys):
    monkeypatch.setattr(sys, 'argv', ['demo', '--epochs', '0'])
    with pytest.raises(SystemExit):
        classification.parse_args()
    assert '--epochs must be at least 1, not 0' in capsys.readouterr().err


@pytest.mark.slow
def test_failing_child(tmp_path):
    broken = tmp_path / 'path' / 'mmpretrain'
    broken.mkdir(parents=True)
    (broken / '__init__.py').write_text('raise ImportError("broken wing")')
    path = os.pathsep.join([str(broken.parent), environment()['PYTHONPATH']])
    run = run_tool('demo.classification', cwd=tmp_path, PYTHONPATH=path)
    assert run.returncode == 1
    assert 'broken wing' in run.stdout
    last = run.stdout.splitlines()[-1]
    assert last.startswith('error: training baseline ended with exit code 2')


@pytest.mark.slow
@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
def test_stopping_the_demo_stops_the_training(tmp_path, number):
    pytest.importorskip('mmpretrain')
    with subprocess.Popen(
        [sys.executable, '-m', 'demo.classification'],
        cwd=tmp_path,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        # A shell lets what it starts in the background ignore this signal.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as demo:
        output = ''
        while not output.count('epoch'):
            output += demo.stdout.readline()
        task = Path(f'/proc/{demo.pid}/task/{demo.pid}/children')
        if not task.is_file():
            pytest.skip('children are found on Linux only')
        (child,) = task.read_text().split()
        demo.send_signal(number)
        output += demo.stdout.read()
    assert demo.returncode != 0
    assert output.splitlines()[-1].startswith('error: ')
    assert 'Traceback' not in output
    for _ in range(100):
        if not Path(f'/proc/{child}').exists():
            break
        time.sleep(0.1)
    assert not Path(f'/proc/{child}').exists()


@pytest.mark.slow
def test_demo_again_and_again(tmp_path):
    pytest.importorskip('mmpretrain')
    for epochs in (1, 2):
        run = run_tool('demo.classification', '--epochs', epochs, cwd=tmp_path)
        assert run.returncode == 0, run.stdout
        assert 'seed 0' in run.stdout
    folder = tmp_path / 'work_dirs' / 'demo'
    assert (folder / 'curves.png').is_file()
    with open(folder / 'curves.csv') as file:
        rows = list(csv.DictReader(file))
    found = {}
    for row in rows:
        key = (row['run'], row['weights'])
        found.setdefault(key, []).append(float(row['accuracy/top1']))
    assert {key: len(values) for key, values in found.items()} == {
        ('baseline', 'origin'): 2,
        ('EMA', 'average'): 2,
        ('EMA', 'origin'): 2,
        ('SEMA', 'average'): 2,
        ('SEMA', 'origin'): 2,
    }
    # Averaging alone does not touch the training; the first switch does.
    assert found['EMA', 'origin'] == found['baseline', 'origin']
    assert found['SEMA', 'average'][0] == found['EMA', 'average'][0]
    assert found['SEMA', 'origin'][0] == found['baseline', 'origin'][0]
    assert found['SEMA', 'origin'][1] != found['baseline', 'origin'][1]
