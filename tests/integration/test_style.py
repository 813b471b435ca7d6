"""The linters, as make lint runs them."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
COMMANDS = [
    'ruff check',
    'ruff format --check',
    'mypy',
]


@pytest.mark.slow
@pytest.mark.parametrize('command', COMMANDS)
def test_linters_find_nothing(command):
    program = [sys.executable, '-m', *command.split()]
    done = subprocess.run(program, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
