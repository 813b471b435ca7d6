"""The record of machine, versions and command."""

import sys

import torch

from research.common.environment import (
    command_line,
    describe_environment,
    read_environment,
    write_environment,
)


def test_what_is_written_comes_back(tmp_path):
    assert read_environment(tmp_path) == {}
    found = describe_environment('make it', 'cpu')
    write_environment(tmp_path, found)
    assert read_environment(tmp_path) == found
    assert found['command'] == 'make it' and found['clock'] == 'cpu'
    assert torch.__version__.startswith(found['packages']['torch'][:5])


def test_the_command_can_be_repeated(monkeypatch):
    monkeypatch.setattr(sys, 'argv', ['x', '--out', 'two words'])
    command = command_line('research.theory')
    assert command == "python -m research.theory --out 'two words'"
    monkeypatch.setattr(sys, 'argv', ['x'])
    assert command_line('research.theory') == 'python -m research.theory'
