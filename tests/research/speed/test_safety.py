import csv
import json

import pytest

from tests.helpers.tool_runs import ROOT, run_tool


@pytest.mark.slow
def test_it_compares_both_with_mmengine(tmp_path):
    out = tmp_path / 'safety'
    done = run_tool(
        'research.speed.safety',
        *('--out', out, '--iterations', 8, '--saves', 2),
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stdout
    with (out / 'rows.csv').open() as file:
        rows = list(csv.DictReader(file))
    found = {(row['what'], row['hooks']) for row in rows}
    assert found == {
        ('iteration', 'plain'),
        ('iteration', 'safe'),
        ('save', 'plain'),
        ('save', 'plain, flushed'),
        ('save', 'safe'),
    }
    assert all(float(row['seconds']) > 0 for row in rows)
    assert 'fsync' in (out / 'summary.md').read_text()
    assert json.loads((out / 'environment.json').read_text())['cpu']


@pytest.mark.slow
@pytest.mark.parametrize('option', ['--iterations', '--saves'])
def test_too_few(tmp_path, option):
    done = run_tool(
        'research.speed.safety', '--out', tmp_path, option, 1, cwd=tmp_path
    )
    assert done.returncode == 2
    assert 'at least 2' in done.stdout
