"""research.fault_injection: what it notes, compares and counts; five kills."""

import csv
import importlib
import os
import time

import pytest
import torch

from tests.helpers.tool_runs import run_tool


@pytest.fixture
def part(monkeypatch):
    """Import a module of research.fault_injection."""
    return lambda name: importlib.import_module(
        f'research.fault_injection.{name}'
    )


def test_the_journal_says_what_was_going_on(part, tmp_path):
    journal = part('journal').Journal(tmp_path / 'journal')
    journal.mark('iteration', 7)
    with journal.during('collecting', 'epoch_1.pth'):
        with journal.during('writing', '.epoch_1.pth.partial'):
            inside = part('journal').read_journal(tmp_path / 'journal')[-1]
    assert (inside.phase, inside.what) == ('writing', '.epoch_1.pth.partial')
    entries = part('journal').read_journal(tmp_path / 'journal')
    assert [entry.phase for entry in entries] == [
        *('start', 'iteration', 'collecting', 'writing'),
        *('collecting', 'iteration'),
    ]
    assert entries[-1].what == '7'
    assert entries[0].time <= entries[-1].time <= time.monotonic()


def leave(folder, change=lambda state: None, **files):
    """Write what a run leaves: a checkpoint and the memory."""
    work_dir = folder / 'run'
    work_dir.mkdir(parents=True)
    state = dict(
        meta=dict(iter=5, time='now', cfg='text'),
        state_dict=dict(weight=torch.tensor([0.1, 0.2])),
        optimizer=dict(state={0: dict(step=3)}, param_groups=[dict(lr=0.1)]),
        message_hub=dict(last_ckpt=f'{work_dir}/epoch_1.pth'),
    )
    change(state)
    torch.save(state, work_dir / 'epoch_1.pth')
    torch.save(state['state_dict'], folder / 'memory.pth')
    for name, text in files.items():
        (work_dir / name.replace('__', '.')).write_text(text)
    return work_dir, folder / 'memory.pth'


def one_bit(state):
    state['state_dict']['weight'].view(torch.int32)[1] ^= 1


CHANGES = {
    'nothing': (lambda state: None, set()),
    'time': (lambda state: state['meta'].update(time='later'), set()),
    'iter': (
        lambda state: state['meta'].update(iter=6),
        {'epoch_1.pth:/meta/iter'},
    ),
    'lr': (
        lambda state: state['optimizer'].update(param_groups=[dict(lr=0.2)]),
        {'epoch_1.pth:/optimizer/param_groups/0/lr'},
    ),
    'bit': (
        one_bit,
        {'epoch_1.pth:/state_dict/weight', 'memory:/weight'},
    ),
    'type': (
        lambda state: state['state_dict'].update(
            weight=state['state_dict']['weight'].double()
        ),
        {'epoch_1.pth:/state_dict/weight', 'memory:/weight'},
    ),
    'missing': (
        lambda state: state.pop('optimizer'),
        {
            'epoch_1.pth:/optimizer/param_groups/0/lr',
            'epoch_1.pth:/optimizer/param_groups/length',
            'epoch_1.pth:/optimizer/state/0/step',
        },
    ),
}


@pytest.mark.parametrize('name', CHANGES)
def test_runs_differ_where_they_differ(part, tmp_path, name):
    outcome = part('outcome')
    change, places = CHANGES[name]
    one = outcome.fingerprints(*leave(tmp_path / 'one'))
    other = outcome.fingerprints(*leave(tmp_path / 'other', change))
    assert set(outcome.differences(one, other)) == places


def test_a_file_that_is_left_over_is_a_difference(part, tmp_path):
    outcome = part('outcome')
    one = outcome.fingerprints(*leave(tmp_path / 'one'))
    more = leave(tmp_path / 'other', __epoch_2__pth__partial='half')
    other = outcome.fingerprints(*more)
    assert outcome.differences(one, other) == ['checkpoints']


def make_rows(part):
    row = part('rows').Row
    rest = dict(kind='epochs', moment=1.0, iteration=9, on_disk='')
    named = dict(last_checkpoint='epoch_1.pth')
    return [
        row(1, 1, phase='writing', what='x', chose='epoch_1.pth', equal=True,
            **rest, **named),
        row(2, 1, phase='pointing', what='x', chose='epoch_2.pth',
            **rest, **named),
        row(3, 1, phase='iteration', what='9', chose='killed before',
            equal=True, **rest, **named),
        row(3, 2, phase='start', what='', chose='nothing', equal=True,
            **rest, last_checkpoint=''),
        row(4, 1, phase='ended before', what='', chose='epoch_1.pth',
            equal=True, **rest, **named),
    ]  # fmt: skip


def test_the_summary_counts_runs_kills_and_saves(part):
    text = part('summary').summarise(make_rows(part), 0.1, 'make it')
    start = ' '.join(text.split('\n\n')[1].split())
    assert start.startswith('2 of 3 runs that were killed')
    assert '4 kills, of which 2 fell' in start
    assert '| in a save: pointing | 1 |' in text
    assert '| a newer checkpoint than `last_checkpoint` named | 1 |' in text
    assert '| the beginning: there was no checkpoint | 1 |' in text
    assert '```bash\nmake it\n```' in text
    assert 'ended before' not in text


@pytest.fixture
def child(part, monkeypatch, tmp_path):
    """Start a process that does something else than training."""
    children = part('children')
    monkeypatch.setattr(children, 'watch', lambda *args: None)

    def start(does):
        monkeypatch.setattr(children, 'train', lambda *args: does())
        return children.Child(children.Run('epochs', 1, tmp_path, 0.0), 0)

    return start


def alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    with open(f'/proc/{pid}/stat') as file:
        return file.read().split()[2] != 'Z'


def test_a_kill_reaches_the_processes_that_load_data(child, tmp_path):
    def does():
        loader = os.fork()
        if loader:
            (tmp_path / 'loader').write_text(str(loader))
        time.sleep(60)

    process = child(does)
    assert process.wait(0.5) is True
    assert process.seconds() < 30
    assert process.entries()[-1].phase == 'start'
    loader = int((tmp_path / 'loader').read_text())
    end = time.monotonic() + 10
    while alive(loader) and time.monotonic() < end:
        time.sleep(0.01)
    assert not alive(loader)


def test_a_training_that_ends_is_not_killed(child, tmp_path):
    process = child(lambda: dict(model=torch.ones(1)))
    assert process.wait(60) is False
    assert torch.load(tmp_path / 'memory.pth')['model'].item() == 1


def test_a_training_that_fails_is_told_from_one_that_was_killed(child):
    process = child(lambda: 1 / 0)
    with pytest.raises(RuntimeError, match='by itself[^$]*ZeroDivisionError'):
        process.wait()


@pytest.mark.slow
def test_five_kills(tmp_path):
    done = run_tool(
        *(
            'research.fault_injection',
            '--kills',
            5,
            '--out',
            'out',
            '--delay',
            0.02,
        ),
        *('--kinds', 'epochs', '--epochs', 2, '--in-saves', 0.0),
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stdout
    with open(tmp_path / 'out' / 'rows.csv', newline='') as file:
        rows = list(csv.DictReader(file))
    killed = [row for row in rows if row['phase'] != 'ended before']
    assert len({row['run'] for row in killed}) == 5
    assert {row['equal'] for row in rows} == {'True'}
    assert '5 of 5 runs' in (tmp_path / 'out' / 'summary.md').read_text()
    assert (tmp_path / 'out' / 'environment.json').is_file()
