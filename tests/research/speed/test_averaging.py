"""research.speed: a tiny run, and its report."""

import csv
import importlib
import json
import math
import random
import time

import pytest

from tests.helpers.tool_runs import run_tool


@pytest.fixture
def part(monkeypatch):
    """Import a module of research.speed."""
    return lambda name: importlib.import_module(f'research.speed.{name}')


@pytest.fixture
def made_up(part):
    """Make rows of two models and counts of one up."""
    rows, counts, peers = part('rows'), part('counts'), part('peers')
    runners = part('runners')
    results = part('results').Results()
    steps = {
        rows.FOREACH: [2.0, 2.0, 2.0],
        rows.FLAT: [1.0],
        peers.OURS: [2.1, 2.2, 9.0],
        peers.MMENGINE: [8.0],
        'timm ModelEmaV3': [3.3],
    }
    hooks = {rows.FOREACH: [2.0], runners.OUR_HOOK: [2.9]}
    for model in ('MobileNetV2', 'synthetic-5000'):
        subject = rows.Subject('cpu', 'float32', model, 158, 14.0)
        results.rows += rows.make_rows(subject, 'step', steps)
        results.rows += rows.make_rows(subject, 'hook', hooks)
    growing = rows.Subject('cpu', 'float32', 'synthetic', 10, 1.0)
    results.rows += rows.make_rows(growing, 'step', {**steps, 'x': [1e6]})
    for what, value in (('training', 15e6), ('swap', 40e6)):
        results.counts.append(
            counts.make_count(
                subject,
                f'memory in {what}',
                runners.OUR_HOOK,
                value,
                reference=14e6,
            )
        )
    results.missing['ema-pytorch'] = 'not installed'
    return results


def environment():
    return {
        'command': 'python -m research.speed --quick',
        'clock': 'wall',
        'commit': 'abc',
        'cpu': 'a CPU',
        'threads': 1,
        'gpu': None,
        'packages': {'torch': '2.8.0'},
    }


def test_rows_sum_up_samples(made_up):
    row = made_up.rows[2]
    assert (row.contestant, row.n) == ('SwitchEMA', 3)
    assert (row.min_ms, row.median_ms) == (2.1, 2.2)
    assert row.q25_ms == pytest.approx(2.15)
    assert row.q75_ms == pytest.approx(5.6)
    assert row.ratio_to_foreach == pytest.approx(1.1)
    assert row.ratio_to_flat == pytest.approx(2.2)


def test_bars_are_held_against_the_worst_model(part, made_up):
    bars = part('bars').judge(made_up.rows, made_up.counts)
    found = {bar.goal.split(' (')[0]: bar for bar in bars}
    step = found['a step takes at most 1.10 x raw foreach']
    assert (step.met, step.measured[:5]) == (True, '1.1 x')
    faster = found['no peer takes a step faster']
    assert (faster.met, faster.measured[:5]) == (True, '1.5 x')
    hook = found[
        'the whole hook with its guard takes at most 1.5 x raw foreach'
    ]
    assert (hook.met, hook.measured[:6]) == (True, '1.45 x')
    assert found['extra memory in training over its allowance'].met
    assert found['extra memory in swap over its allowance'].met is False
    assert found['a step never waits for the device'].met is None


def test_report_is_written_and_read(part, made_up, tmp_path):
    report = part('report')
    report.write(tmp_path, made_up, environment())
    again, surroundings = report.read(tmp_path)
    assert again.counts == made_up.counts
    assert len(again.rows) == len(made_up.rows)
    for row, other in zip(again.rows, made_up.rows):
        assert row == other or row.median_ms == pytest.approx(other.median_ms)
    assert surroundings['missing'] == {'ema-pytorch': 'not installed'}
    assert (tmp_path / 'plot.png').read_bytes().startswith(b'\x89PNG')


def test_summary(part, made_up):
    text = part('report').summarize(made_up, environment())
    assert 'python -m research.speed --quick' in text
    assert '| SwitchEMA | 1.10 (2.2) | 1.10 (2.2) |' in text
    assert '| 10 tensors, 1 MB | 2 | 0.50 | 1.10 | 4.00 | 1.65 |' in text
    assert 'no CUDA device' in text
    assert '- ema-pytorch: not installed' in text
    assert text.count('NOT MET') == 1


def test_contestants_take_turns(part):
    measure = part('measure')
    calls = []
    names = 'abc'
    contestants = [
        measure.Contestant(n, lambda n=n: calls.append(n)) for n in names
    ]
    samples = measure.interleaved(contestants, measure.Pace(20))
    assert {name: len(ms) for name, ms in samples.items()} == dict.fromkeys(
        names, 20
    )
    rounds = [''.join(calls[i : i + 3]) for i in range(0, 60, 3)]
    assert {''.join(sorted(order)) for order in rounds} == {names}
    assert len(set(rounds)) == math.factorial(3)
    random.seed(0)  # Orders come from a generator of their own.
    state = random.getstate()
    measure.interleaved(contestants, measure.Pace(2))
    assert random.getstate() == state


def test_time_is_up_after_the_least_rounds(part):
    measure = part('measure')
    pace = measure.Pace(50, seconds=0.0, least=4)
    samples = measure.interleaved([measure.Contestant('a', int)], pace)
    assert len(samples['a']) == 4


def test_the_cpu_clock_leaves_out_waits(part):
    measure = part('measure')
    sleeper = measure.Contestant('a', lambda: time.sleep(0.02))
    wall = measure.interleaved([sleeper], measure.Pace(2))
    cpu = measure.interleaved([sleeper], measure.Pace(2, clock='cpu'))
    assert min(wall['a']) >= 20
    assert max(cpu['a']) < 10


def test_a_failing_contestant_is_left_out(part):
    measure, failures = part('measure'), {}
    good = measure.Contestant('good', int)
    bad = measure.Contestant('bad', lambda: 1 / 0)
    assert measure.warmed([bad, good], failures, 2) == [good]
    assert failures == {'bad': 'ZeroDivisionError: division by zero'}


def test_allocated_bytes(part):
    torch = importlib.import_module('torch')

    def keep_one_of_two():
        torch.zeros(1000)
        return torch.zeros(500)

    assert part('counts').allocated(keep_one_of_two, 'cpu') == (4000, 2000)


@pytest.mark.parametrize(
    'wrong, sentence',
    [
        (['--rounds', '0'], '--rounds must be at least 1, not 0'),
        (['--largest', '0'], '--largest must be at least 1, not 0'),
        (['--models', 'LeNet'], "invalid choice: 'LeNet'"),
    ],
)
def test_wrong_arguments(wrong, sentence, monkeypatch, capsys):
    tool = importlib.import_module('research.speed.__main__')
    monkeypatch.setattr('sys.argv', ['research.speed', *wrong])
    with pytest.raises(SystemExit):
        tool.parse_args()
    assert sentence in capsys.readouterr().err


def test_the_command_names_no_path(monkeypatch):
    tool = importlib.import_module('research.speed.command')
    words = ['x', '--quick', '--out', '/a/b/results', '--rounds', '7']
    monkeypatch.setattr('sys.argv', words)
    monkeypatch.setenv('OMP_NUM_THREADS', '1')
    assert tool.command_line('research.speed') == (
        'OMP_NUM_THREADS=1 python -m research.speed --quick '
        '--out research/speed/results/results --rounds 7'
    )


@pytest.mark.slow
def test_quick_run(part, tmp_path):
    run = run_tool(
        'research.speed',
        *('--quick', '--rounds', 2, '--device', 'cpu', '--out', tmp_path),
        cwd=tmp_path,
    )
    assert run.returncode == 0, run.stdout
    with open(tmp_path / 'rows.csv') as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == [
        *('device', 'dtype', 'model', 'tensors', 'megabytes', 'what'),
        *('contestant', 'n', 'median_ms', 'q25_ms', 'q75_ms', 'min_ms'),
        *('ratio_to_foreach', 'ratio_to_flat'),
    ]
    times = {(r['model'], r['what'], r['contestant']): r for r in rows}
    ours = times['synthetic-5000', 'step', 'SwitchEMA']
    assert (ours['tensors'], ours['megabytes']) == ('5000', '5')
    # Short vectors are joined, which is faster than raw foreach.
    assert 0.05 < float(ours['ratio_to_foreach']) < 20
    for row in rows:
        if row['what'] != 'hook beyond the arithmetic':
            assert 0 < float(row['min_ms']) <= float(row['median_ms'])
    done = {what for _, what, _ in times}
    assert done >= {'step', 'hook', 'iteration', 'switch', 'save', 'resume'}
    surroundings = json.loads((tmp_path / 'environment.json').read_text())
    assert surroundings['packages']['torch']
    assert '# What averaging costs' in (tmp_path / 'summary.md').read_text()
    assert (tmp_path / 'plot.png').is_file()
    results, _ = part('report').read(tmp_path)
    assert len(results.rows) == len(rows)
    held = {
        c.what: c.value for c in results.counts if 'Switch' in c.contestant
    }
    assert held['frozen memory in training'] < 1.1e6
