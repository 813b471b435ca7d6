"""A campaign: runs, one after the other, with their kills."""

import dataclasses
import random
import time
from collections.abc import Iterator
from pathlib import Path

from .children import Child, Run
from .journal import Entry
from .outcome import differences, fingerprints
from .rows import Row
from .training import EPOCH

__all__ = ['Campaign']

#: Share of the runs that are killed once more after they were resumed.
TWICE = 0.25


class Campaign:
    """Train undisturbed once, then kill, resume and compare.

    Args:
        folder (Path): Where the runs are kept.
        epochs (int): Length of the runs.
        seed (int): Seed of the moments.
        delay (float): Seconds before every call of the disk.
    """

    def __init__(
        self, folder: Path, epochs: int, seed: int, delay: float
    ) -> None:
        self.folder = folder
        self.epochs = epochs
        self.delay = delay
        self._random = random.Random(seed)
        self._expected: dict[str, dict[str, str]] = {}
        self._seconds: dict[str, float] = {}
        self._begun: dict[str, float] = {}

    def undisturbed(self, kind: str) -> list[Entry]:
        """Train without a kill; return the journal, and keep the outcome."""
        run = self._run(kind, f'undisturbed-{kind}')
        child = Child(run, 0)
        child.wait()
        entries = child.entries()
        first = next(e for e in entries if e.phase == 'iteration')
        self._seconds[kind] = entries[-1].time - entries[0].time
        self._begun[kind] = first.time - entries[0].time
        self._expected[kind] = fingerprints(run.work_dir, run.memory)
        return entries

    def kill(self, number: int) -> list[Row]:
        """Kill run ``number`` (from 1) once or twice, and let it end."""
        kinds = list(self._expected)
        kind = kinds[(number - 1) % len(kinds)]
        run = self._run(kind, f'run{number}')
        rows: list[Row] = []
        left = 1.0
        for kill in range(1 + (self._random.random() < TWICE)):
            begun, end = self._begun[kind], self._seconds[kind]
            moment = self._random.uniform(0, begun + (end - begun) * left)
            child = Child(run, kill)
            killed = child.wait(moment)
            row = _row(number, kill + 1, run, child, moment, killed)
            rows = [*_chosen(rows, child), row]
            left = 1 - row.iteration / (EPOCH * self.epochs)
            if not killed:
                break
        last = Child(run, len(rows))
        last.wait()
        found = fingerprints(run.work_dir, run.memory)
        different = differences(found, self._expected[kind])
        rows = _chosen(rows, last)
        return [
            dataclasses.replace(
                row, equal=not different, different=' '.join(different[:5])
            )
            for row in rows
        ]

    def _run(self, kind: str, name: str) -> Run:
        return Run(kind, self.epochs, self.folder / name, self.delay)


def _row(
    number: int, kill: int, run: Run, child: Child, moment: float, killed: bool
) -> Row:
    entries = child.entries() or [Entry(time.monotonic(), 'start')]
    listed, named = run.on_disk()
    return Row(
        run=number,
        kill=kill,
        kind=run.kind,
        moment=round(moment, 3),
        phase=entries[-1].phase if killed else 'ended before',
        what=entries[-1].what,
        iteration=max((*_iterations(entries), 0)),
        on_disk=listed,
        last_checkpoint=named,
    )


def _iterations(entries: list[Entry]) -> Iterator[int]:
    for entry in entries:
        if entry.phase == 'iteration':
            yield int(entry.what)


def _chosen(rows: list[Row], child: Child) -> list[Row]:
    """Complete the last row with what the next process did."""
    if not rows:
        return []
    entries = child.entries()
    loaded = [e.what for e in entries if e.phase == 'loading']
    began = any(e.phase not in ('start', 'loading') for e in entries)
    nothing = 'nothing' if began else 'killed before'
    chose = loaded[0] if loaded else nothing
    seconds = round(child.seconds(), 2)
    return [
        *rows[:-1],
        dataclasses.replace(rows[-1], chose=chose, seconds=seconds),
    ]
