"""A journal that survives the process that writes it."""

import contextlib
import dataclasses
import os
import time
from collections.abc import Iterator
from pathlib import Path

__all__ = ['Entry', 'Journal', 'read_journal']


@dataclasses.dataclass(frozen=True)
class Entry:
    """What a process was about to do.

    Attributes:
        time (float): When, in seconds of the machine's clock.
        phase (str): What.
        what (str): The file, or the number of the iteration; or nothing.
    """

    time: float
    phase: str
    what: str = ''


class Journal:
    """Write each entry with one system call, so that none is torn.

    Args:
        path (Path): The file.
    """

    def __init__(self, path: Path) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
        self._file = os.open(path, flags, 0o644)
        self._now = ('start', '')
        self.mark(*self._now)

    def mark(self, phase: str, what: object = '') -> None:
        """Record what the process is about to do, and to which file."""
        self._now = (phase, str(what))
        line = f'{time.monotonic():.5f} {phase} {what}\n'
        os.write(self._file, line.encode())

    @contextlib.contextmanager
    def during(self, phase: str, what: object = '') -> Iterator[None]:
        """Record something, and after it what was recorded before."""
        before = self._now
        self.mark(phase, what)
        yield
        self.mark(*before)


def read_journal(path: Path) -> list[Entry]:
    """Return the entries of a journal, the last one last."""
    if not path.exists():
        return []
    entries = []
    for line in path.read_text().splitlines():
        time, phase, what = line.split(' ', 2)
        entries.append(Entry(float(time), phase, what))
    return entries
