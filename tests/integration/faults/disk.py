"""Disks that are full or cannot be written to."""

import functools

from tests.integration.faults.case import Case, Outcome, Place, readable
from tests.integration.faults.checkpoints import SAFE

GROUP = 'The disk'
FULL = """
custom_hooks += [dict(
    type='tests.integration.faults.hooks.FullDisk', name='epoch_2.pth',
    epoch=2,
    temporary={!r},
)]
"""


def _full(ours: bool, place: Place) -> Outcome:
    outcome = place.train(add=FULL.format(ours) + (SAFE if ours else ''))
    if not ours:
        (place.work_dir / 'epoch_2.pth').unlink()
    return outcome


def _into(folder: str, place: Place) -> Outcome:
    return place.train('--work-dir', folder)


FIRST = dict(
    end='exit code 1',
    left='the checkpoint before, which `last_checkpoint` names',
)


def _first_is_last(place: Place, outcome: Outcome) -> None:
    readable('epoch_1.pth')(place, outcome)
    pointer = place.work_dir / 'last_checkpoint'
    assert pointer.read_text().endswith('epoch_1.pth')


CASES = [
    Case(
        GROUP,
        'The disk is full at the second save',
        functools.partial(_full, True),
        'No space left on device',
        check=_first_is_last,
        **FIRST,
    ),
    Case(
        GROUP,
        "The same with mmengine's CheckpointHook",
        functools.partial(_full, False),
        'No space left on device',
        check=_first_is_last,
        **FIRST,
    ),
    Case(
        GROUP,
        'The work_dir cannot be written to',
        functools.partial(_into, '/sys/run'),
        "'/sys/run'",
    ),
    Case(
        GROUP,
        'The work_dir is below a file',
        functools.partial(_into, 'toy.py/run'),
        'toy.py/run',
    ),
]
