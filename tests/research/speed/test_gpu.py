"""research.speed.gpu, whose code also runs on a CPU."""

import csv
import json

import pytest
import torch

from research.speed import gpu, gpu_checks
from research.speed.rows import FLAT, FOREACH
from sema_mm import SwitchEMA


def failed(device='cpu'):
    return {c.what for c in gpu_checks.run_checks(device) if not c.passed}


def run(monkeypatch, *words):
    monkeypatch.setattr('sys.argv', ['gpu', *map(str, words)])
    gpu.main()


def test_all_checks_pass():
    checks = list(gpu_checks.run_checks('cpu'))
    assert len(checks) == 34
    assert [check for check in checks if not check.passed] == []


def test_a_wrong_weight_is_found(monkeypatch):
    monkeypatch.setattr(SwitchEMA, 'weight_at', lambda *_: 0.1001)
    found = failed()
    assert {'plain, float32', 'side_stream, bfloat16'} <= found
    assert 'fused gate: open' not in found


def test_an_unguarded_average_is_found(monkeypatch):
    guard = gpu_checks.NonfiniteGuard
    monkeypatch.setattr(guard, 'judge', lambda *_: False)
    found = failed()
    assert 'plain, float32, guarded, one step with NaN' in found
    assert 'plain, float32' not in found


def test_a_tensor_that_moves_is_found(monkeypatch):
    switch = SwitchEMA.switch_parameters

    def switch_and_move(average, model):
        switch(average, model)
        model.weights[0].data = model.weights[0].data.clone()

    monkeypatch.setattr(SwitchEMA, 'switch_parameters', switch_and_move)
    assert 'plain: addresses, switch and swap' in failed()


def test_an_exception_is_a_failed_check():
    check = gpu_checks._run('x', lambda: 1 / 0)
    assert check == gpu_checks.Check(
        'x', False, 'ZeroDivisionError: division by zero'
    )


def test_without_a_gpu(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: False)
    with pytest.raises(SystemExit) as stopped:
        run(monkeypatch, '--out', tmp_path / 'out')
    assert stopped.value.code == 2
    sentence = 'error: research.speed.gpu needs a CUDA device.\n'
    assert capsys.readouterr().err == sentence
    assert not (tmp_path / 'out').exists()


def test_what_cannot_be_built_is_recorded(monkeypatch):
    monkeypatch.setattr(gpu, 'averagings', lambda: {'bad': lambda _: 1 / 0})
    found, model = gpu.Found(), gpu.Synthetic(2, 0.001)
    gpu._time_steps('two', model, 'cpu', gpu.Pace(2), found)
    gpu._measure_memory('bad', lambda _: 1 / 0, model, 'cpu', found)
    assert set(found.failures) == {'bad: step', 'bad: memory'}
    assert [row.contestant for row in found.rows] == [FOREACH, FLAT]


def test_a_failed_check_is_an_error(monkeypatch, tmp_path):
    check = gpu_checks.Check('a bit', False, 'flipped')
    found = gpu.Found([check], failures={'b': 'broken'})
    monkeypatch.setattr(gpu, 'measure', lambda *_: found)
    with pytest.raises(SystemExit, match='error: a check failed'):
        run(monkeypatch, '--out', tmp_path, '--device', 'cpu')
    text = (tmp_path / 'summary.md').read_text()
    assert '0 of 1 passed' in text
    assert '| a bit | FAILED | flipped |' in text
    assert '- b: broken' in text


@pytest.mark.slow
def test_a_run(monkeypatch, tmp_path):
    run(monkeypatch, '--out', tmp_path, '--device', 'cpu', '--rounds', 2)
    with open(tmp_path / 'rows.csv', newline='') as file:
        rows = list(csv.DictReader(file))
    kinds = {(row['what'], row['dtype'], row['contestant']) for row in rows}
    names = gpu.averagings()
    assert len(names) == 7
    for name in names:
        assert ('step', 'float32', name) in kinds
        assert ('step', 'bfloat16', name) in kinds
        assert ('iteration', 'float32', name) in kinds
    assert ('step', 'float32', 'floor: raw foreach') in kinds
    assert ('iteration', 'float32', 'no averaging') in kinds
    assert all(float(row['min_ms']) > 0 for row in rows)
    text = (tmp_path / 'summary.md').read_text()
    assert '34 of 34 passed' in text
    assert 'Not measured' not in text
    environment = json.loads((tmp_path / 'environment.json').read_text())
    assert environment['packages']['torch']
    assert str(tmp_path.parent) not in environment['command']
