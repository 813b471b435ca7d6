"""The command ``sema-mm``, which chooses one of the others."""

import importlib
import importlib.util
import sys

import pytest

from sema_mm.cli.main import COMMANDS, main
from tests.helpers.tool_runs import ROOT, run_tool


@pytest.fixture
def run(monkeypatch, capsys):
    """Give the exit code and the output of a command line."""

    def call(*arguments, program='/bin/sema-mm'):
        monkeypatch.setattr(sys, 'argv', [program, *arguments])
        code = 0
        try:
            main()
        except SystemExit as error:
            code = error.code or 0
        output = capsys.readouterr()
        return code, output.out, output.err

    return call


def test_help_lists_the_commands(run):
    code, text, _ = run('--help')
    assert code == 0
    assert text.startswith('usage: sema-mm COMMAND')
    for name in COMMANDS:
        assert f'\n  {name} ' in text
    assert run('-h') == (0, text, '')
    assert run() == (2, '', text)


@pytest.mark.parametrize(
    ('name', 'hint'),
    [
        ('trian', 'did you mean train?'),
        ('print_config', 'did you mean print-config?'),
        ('qqqq', 'see sema-mm --help'),
        ('', 'see sema-mm --help'),
    ],
)
def test_unknown_command(run, name, hint):
    code, text, error = run(name)
    assert (code, text) == (2, '')
    assert error == f'error: there is no command {name}: {hint}\n'


@pytest.mark.parametrize('name', COMMANDS)
def test_usage_names_what_was_typed(run, name):
    code, text, _ = run(name, '--help')
    assert code == 0
    assert text.startswith(f'usage: sema-mm {name} ')
    module = f'{ROOT}/sema_mm/__main__.py'
    _, text, _ = run(name, '--help', program=module)
    assert text.startswith(f'usage: python -m sema_mm {name} ')


def test_arguments_reach_the_command(run, monkeypatch):
    command = importlib.import_module('sema_mm.cli.train')
    seen = []
    monkeypatch.setattr(command, 'main', lambda: seen.extend(sys.argv))
    run('train', 'a.py', '--help')
    assert seen == ['sema-mm train', 'a.py', '--help']


def test_mmengine_is_asked_for(run, monkeypatch):
    monkeypatch.setattr(importlib.util, 'find_spec', lambda name: None)
    code, _, error = run('train', 'a.py')
    assert code == 2
    assert error.startswith('error: the commands need mmengine: run ')
    assert run('--help')[0] == 0


def test_as_a_module_from_any_folder(tmp_path):
    done = run_tool('sema_mm', 'train', 'no.py', cwd=tmp_path)
    assert done.returncode == 2
    assert 'error: there is no config no.py' in done.stdout
    done = run_tool('sema_mm', cwd=tmp_path)
    assert done.returncode == 2
    assert done.stdout.startswith('usage: python -m sema_mm COMMAND')


def test_a_script_of_tools_names_itself(tmp_path):
    done = run_tool('print_config', '--help', cwd=tmp_path)
    assert done.returncode == 0
    assert done.stdout.startswith('usage: print_config.py ')


def test_mim_adds_no_arguments():
    """It adds ``--gpus`` and ``--device`` where the help has the first."""
    done = run_tool('train', '-h', cwd=ROOT)
    assert done.returncode == 0
    assert '--gpus' not in done.stdout
