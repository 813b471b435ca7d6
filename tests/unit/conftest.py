"""What the tests of conversion and of its command share."""

import re
import sys
from pathlib import Path

import pytest


@pytest.fixture
def convert(tmp_path, monkeypatch, capsys):
    """Run the tool here; return what it wrote, or its exit code and text."""

    def run(source, target='new.pth', *options, code=0):
        from sema_mm.cli.convert import main

        command = ['x', str(source), str(tmp_path / target), *options]
        monkeypatch.setattr(sys, 'argv', command)
        with pytest.raises(SystemExit) as caught:
            main()
        text = capsys.readouterr()
        assert caught.value.code == code, text
        if code == 2:
            (sentence,) = text.err.splitlines()
            assert sentence.startswith('error: ')
            return sentence
        found = re.search(r'^wrote (.*), [\d.]+ MB$', text.out, re.M)
        return Path(found[1]), text.out

    return run
