"""The simulations of the noisy quadratic model, and their tables."""

import csv
import importlib
import sys

import numpy as np
import pytest

from research.theory import rows


@pytest.mark.slow
@pytest.mark.parametrize(
    'x, beta, m, k',
    [
        (0.1, 0.0, 0.05, 50),
        (0.05, 0.0, 0.05, 20),
        (1.5, 0.0, 0.1, 10),
        (0.1, 0.9, 0.02, 50),
        (1.0, 0.9, 0.1, 10),
    ],
)
def test_a_million_steps_are_within_2_percent(x, beta, m, k):
    setting = rows.Setting(x, beta, m, k)
    found = rows.simulate_ema(setting, 10**6, 4, 1)
    found.update(rows.simulate_sema(setting, 10**6, 4, 2))
    for method in ('SGD', 'EMA', 'SEMA'):
        row = rows.make_row(setting, method, found[method])
        assert row.standard_error < 1
        assert abs(row.difference) < 2
        if row.closed_form is not None:
            assert row.closed_form == pytest.approx(row.exact)
        if method != 'SGD':  # an average of independent values is off
            assert abs(row.independent / row.simulated - 1) > 0.02


@pytest.mark.slow
def test_a_simulation_tells_ema_from_sema():
    setting = rows.Setting(0.05, 0.0, 0.05, 20)
    found = rows.simulate_sema(setting, 10**6, 4, 1)['SEMA']
    assert abs(rows.make_row(setting, 'EMA', found).difference) > 2
    other = rows.Setting(0.05, 0.0, 0.05, 40)
    assert abs(rows.make_row(other, 'SEMA', found).difference) > 2


def test_the_filters_are_the_recursion(monkeypatch):
    x, beta, m, k = 0.3, 0.6, 0.2, 7
    noise = np.random.default_rng(5).standard_normal(5 * k)
    draws = iter(noise.reshape(5, 1, k))

    class Given:
        def standard_normal(self, shape):
            return np.repeat(next(draws), 2, axis=0)

    monkeypatch.setattr(np.random, 'default_rng', lambda seed: Given())
    setting = rows.Setting(x, beta, m, k)
    found = rows.simulate_sema(setting, 5 * k, 2, 0)['SEMA']
    theta = v = phi = 0.0
    squares = []
    for step, epsilon in enumerate(noise, 1):
        v = beta * v + x * theta + epsilon
        theta -= v
        phi += m * (theta - phi)
        if step % k == 0:
            theta = phi
            squares.append(phi**2)
    assert found.value == pytest.approx(np.mean(squares))


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run the command in this process, on small grids."""
    tool = importlib.import_module('research.theory.__main__')
    for name in ('CURVATURES', 'LRS', 'MOMENTA'):
        grid = getattr(tool.budget, name)
        monkeypatch.setattr(tool.budget, name, grid[:: len(grid) // 2])

    def ran(*options):
        argv = ['noisy_quadratic.py', '--out', str(tmp_path / 'made')]
        monkeypatch.setattr(sys, 'argv', [*argv, *options])
        tool.main()
        return tmp_path / 'made'

    return ran


def test_the_command_writes_rows_and_a_summary(run):
    folder = run('--steps', '2000', '--chains', '2')
    with open(folder / 'rows.csv', newline='') as stream:
        written = list(csv.DictReader(stream))
    assert {row['method'] for row in written} == {'SGD', 'EMA', 'SEMA'}
    assert all(float(row['simulated']) > 0 for row in written)
    assert '2 chains of 2,000 steps' in (folder / 'summary.md').read_text()
    for name in ('best.csv', 'windows.csv', 'environment.json'):
        assert (folder / name).stat().st_size > 100


def test_too_few_chains_are_refused(run, tmp_path, capsys):
    with pytest.raises(SystemExit):
        run('--chains', '1')
    message = '--chains must be at least 2, not 1'
    assert message in capsys.readouterr().err
    assert not (tmp_path / 'made').exists()
