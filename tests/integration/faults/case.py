"""A case: how a fault is provoked, what is said, what is left."""

import contextlib
import importlib
import io
import itertools
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Optional

import pytest
import torch

from sema_mm.checkpointing.safe_loading import load_from_local
from tests.helpers.tool_runs import TOY_CONFIG

_runs = itertools.count()


@dataclass(frozen=True)
class Outcome:
    """How a program or a call ended.

    Attributes:
        end (str): 'exit code N', the class of an exception, or 'it goes on'.
        says (str): The sentence.
        output (str): All that was printed.
    """

    end: str
    says: str
    output: str = ''


@dataclass(frozen=True)
class Case:
    """One fault.

    Attributes:
        group (str): The section of the table.
        fault (str): What is wrong, for the table.
        act (callable): Provokes it in a :class:`Place`.
        says (str): What the sentence must contain.
        end (str): How it must end.
        left (str): What is left, for the table.
        check (callable): Asserts that.
        slow (bool): Whether it takes long.
    """

    group: str
    fault: str
    act: Callable[['Place'], Outcome]
    says: str
    end: str = 'exit code 2'
    left: str = 'nothing is written'
    check: Optional[Callable[['Place', Outcome], None]] = None
    slow: bool = False

    def run(self, place: 'Place') -> Outcome:
        """Provoke the fault, and assert what the case states."""
        outcome = self.act(place)
        assert outcome.end == self.end, outcome
        assert self.says in outcome.says, outcome
        assert '\n' not in outcome.says, outcome.says
        assert len(outcome.says) < 600, outcome.says
        assert 'Traceback' not in outcome.output, outcome.output
        (self.check or nothing_written)(place, outcome)
        return outcome

    @property
    def name(self) -> str:
        """str: An id for the test."""
        return f'{self.group}: {self.fault}'


class Place:
    """A folder with the toy config, in which tools are run."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self.patch = patch
        self.config = folder / 'toy.py'
        self.config.write_text(TOY_CONFIG)
        self.work_dir = folder / 'work_dirs' / 'toy'
        patch.chdir(folder)
        for name in ('RANK', 'WORLD_SIZE', 'LOCAL_RANK'):
            patch.delenv(name, raising=False)

    def train(self, *args: str, add: str = '', options: tuple = ()):
        """Run tools/train.py on the toy config, with lines added to it."""
        return self.tool('train', *args, add=add, options=options)

    def tool(
        self,
        name: str,
        *args: str,
        config: Optional[str] = 'toy.py',
        add: str = '',
        options: tuple = (),
    ) -> Outcome:
        """Run a tool in this process."""
        if add:
            self.config.write_text(f'{self.config.read_text()}\n{add}\n')
        command = [f'{name}.py', *([config] if config else []), *args]
        if config and name in ('train', 'test'):
            # Runs of one name in one second would share a logger.
            unique = f'experiment_name=run_{next(_runs)}'
            command += ['--cfg-options', unique, *options]
        self.patch.setattr(sys, 'argv', command)
        out = io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
            end = _end_of(importlib.import_module(f'sema_mm.cli.{name}').main)
        output = out.getvalue()
        if end is None:
            return Outcome('it goes on', self.warning(), output)
        return Outcome(end, said(output), output)

    def warning(self) -> str:
        """Return the first warning in the logs of the runs."""
        pattern = r' - WARNING - (?!\n)(.*)'
        for log in sorted(self.folder.rglob('*.log')):
            for line in re.findall(pattern, log.read_text()):
                if not line.startswith(NOISE):
                    return line
        return ''

    def write(self, name: str, content) -> str:
        """Write a file in the folder: bytes, text, or by torch.save."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, bytes):
            path.write_bytes(content)
        elif isinstance(content, str):
            path.write_text(content)
        else:
            torch.save(content, path)
        return name

    def normalised(self, text: str) -> str:
        """Replace what differs from run to run and machine to machine."""
        text = text.replace(str(self.folder), 'DIR')
        for pattern, word in VOLATILE:
            text = re.sub(pattern, word, text)
        return text


#: Warnings of every run of the toy config.
NOISE = (
    'Failed to search registry',
    'The prefix is not set',
    '"FileClient" will be',
    '"HardDiskBackend" is',
)

REFUSED = 'Operation not permitted'
VOLATILE = (
    (r'(?<=127\.0\.0\.1:)\d+', 'PORT'),
    (r'\(\[[^]]*gloo.*\)', '(REASON)'),
    (r'(?<=this is )\d[\w.]*', 'VERSION'),
    (r'(?<=SyntaxError: ).*', '...'),
    (r'\w+\.__init__\(\)', '__init__()'),
    (r'\(Expected one of .*\)', '(...)'),
    (r'(Permission denied|Read-only file system)(?=.*/sys)', REFUSED),
    # mmengine names its home.
    (r' More details can be found at \S+', ' ...'),
)


def _end_of(main: Callable[[], None]) -> Optional[str]:
    try:
        main()
    except SystemExit as error:
        return f'exit code {error.code}'
    return None


def said(output: str) -> str:
    """Return the sentence after 'error:' in what a tool printed."""
    lines = [
        line for line in output.splitlines() if line.startswith('error: ')
    ]
    return lines[0][len('error: ') :] if lines else ''


def raised(call: Callable[[], object]) -> Outcome:
    """Call something that raises an exception."""
    try:
        call()
    except Exception as error:
        text = str(error.args[0] if len(error.args) == 1 else error)
        return Outcome(type(error).__name__, text)
    return Outcome('it goes on', '')


def nothing_written(place: Place, outcome: Outcome) -> None:
    """Assert that the run wrote no checkpoint."""
    assert not list(place.work_dir.glob('*.pth'))


def readable(*names: str) -> Callable[[Place, Outcome], None]:
    """Make a check that just these checkpoints are there, and finite."""

    def check(place: Place, outcome: Outcome) -> None:
        found = {path.name for path in place.work_dir.glob('*.pth')}
        assert found == set(names), found
        for name in names:
            content = load_from_local(place.work_dir / name, 'cpu')
            for key, tensor in content['state_dict'].items():
                assert tensor.isfinite().all(), (name, key)

    return check
