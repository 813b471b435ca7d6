"""research.study, from the config to the rows."""

import importlib
import json

import pytest

from tests.helpers.study_data import write_study
from tests.helpers.tool_runs import run_tool


@pytest.mark.slow
def test_wrong_commands_are_one_sentence(tmp_path):
    config = write_study(tmp_path)
    config.write_text(config.read_text().replace("'cnn'", "'rnn'"))
    done = run_tool('research.study', config, '--out', 'x', cwd=tmp_path)
    assert done.stdout.startswith("error: network='rnn'")
    assert len(done.stdout.splitlines()) == 1
    done = run_tool('research.study', 'no.py', '--out', 'x', cwd=tmp_path)
    assert 'there is no config no.py' in done.stdout


def test_lookahead_is_for_those_who_have_timm(tmp_path, monkeypatch):
    tool = importlib.import_module('research.study.__main__')
    study = tool.Study(write_study(tmp_path))
    monkeypatch.setattr(tool.importlib.util, 'find_spec', lambda name: None)
    tool.need_timm(study)
    study.config.lookahead = dict(alpha=0.5, k=5)
    with pytest.raises(ValueError, match='lookahead needs timm'):
        tool.need_timm(study)


@pytest.mark.slow
def test_a_study_goes_on_where_it_was_stopped(tmp_path):
    config = write_study(tmp_path)
    text = config.read_text().replace('seeds=2', 'seeds=1')
    text = text.replace('[0.25, 0.5]', '[0.5]').replace('[7]', '[]')
    config.write_text(f"{text}\ndel settings['vit-noise']\n")
    out = tmp_path / 'out'
    rows = out / 'rows.csv'

    def run(*args):
        done = run_tool(
            *('research.study', config, '--out', out, *args), cwd=tmp_path
        )
        assert done.returncode == 0, done.stdout
        return done.stdout

    run('--jobs', 2)
    whole = rows.read_text().splitlines()
    metrics = {line.split(',')[6] for line in whole[1:]}
    assert {'val/accuracy', 'test/ece', 'train/hessian_top'} <= metrics
    said = json.loads((out / 'environment.json').read_text())
    assert said['jobs'] == 2 and 'research.study' in said['command']
    assert 0 < said['hours'] < 1 and len(said['commits']) == 1

    kept = [
        line for line in whole if ',100,' not in line or 'sema' not in line
    ]
    assert len(kept) < len(whole)
    rows.write_text('\n'.join(kept) + '\n')
    assert 'the time is over' in run('--hours', 1e-9)
    text = run().strip()
    assert text.startswith('cnn_sema_m0.1_k20_seed100: ')
    assert '\n' not in text
    assert sorted(rows.read_text().splitlines()) == sorted(whole)

    run('--clock')
    added = [line for line in rows.read_text().splitlines()[len(whole) :]]
    assert [line.split(',')[1] for line in added] == ['baseline', 'sema']
    assert all(float(line.split(',')[-1]) > 0 for line in added)
    assert run('--clock') == ''
    now = json.loads((out / 'environment.json').read_text())
    assert now['hours'] > said['hours']
    assert now['commits'] == said['commits'] and now['jobs'] == 2

    # The networks are gone: what they lack is left out.
    rest = [line for line in whole if ',test/ece,' not in line]
    rows.write_text('\n'.join(rest) + '\n')
    assert run('--work-dir', tmp_path / 'empty') == ''
