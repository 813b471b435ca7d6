"""The table of all cases, docs/en/faults.md."""

import re
import tempfile
from pathlib import Path

import pytest

from tests.helpers.tool_runs import ROOT
from tests.integration.faults import (
    arguments,
    checkpoints,
    config,
    data,
    disk,
    numbers,
    processes,
)
from tests.integration.faults.case import Case, Outcome, Place

PATH = ROOT / 'docs/en/faults.md'
CASES = [
    *arguments.CASES,
    *config.CASES,
    *checkpoints.CASES,
    *data.CASES,
    *numbers.CASES,
    *processes.CASES,
    *disk.CASES,
]

TOP = """# Faults and bad input

What is printed, and what is left. Written by a test that provokes each of
them, `tests/test_faults`; `python -m tests.integration.faults` writes it anew.
Words in capitals, such as `DIR` and `PORT`, and `...` stand for what differs
from run to run, or from version to version.

A tool ends with code 2 where the input is wrong, and with code 1 where
something fails on the way; it prints `error:` and the sentence. An error that
has no sentence here keeps its traceback. "It goes on" means a warning in the
log.
"""
HEAD = """
## {}

| fault | what is printed | end | what is left |
|---|---|---|---|
"""


def row(case: Case, outcome: Outcome, place: Place) -> str:
    """Return the line of a case."""
    says = place.normalised(outcome.says) or 'nothing'
    cells = (case.fault, says, outcome.end, case.left)
    escaped = (cell.replace('|', '\\|').replace('<', '&lt;') for cell in cells)
    return f'| {" | ".join(escaped)} |'


def rows_of_the_page() -> dict[str, str]:
    """Read the committed lines, by group and fault."""
    lines, group = {}, ''
    for line in PATH.read_text().splitlines():
        if line.startswith('## '):
            group = line[3:]
        elif line.startswith('| ') and not line.startswith('| fault'):
            fault = re.split(r' (?<!\\)\| ', line[2:])[0]
            lines[f'{group}: {fault}'] = line
    return lines


def write() -> None:
    """Run all cases, and write the page."""
    text, group = TOP, None
    for case in CASES:
        if case.group != group:
            group = case.group
            text += HEAD.format(group)
        with tempfile.TemporaryDirectory() as folder:
            with pytest.MonkeyPatch.context() as patch:
                place = Place(Path(folder), patch)
                text += row(case, case.run(place), place) + '\n'
    PATH.write_text(text)
