"""NaN and infinity."""

import functools

from sema_mm.checkpointing.safe_loading import load_from_local
from tests.integration.faults.case import Case, Outcome, Place, readable

GROUP = 'Numbers that are not finite'
POISON = """
custom_hooks.insert(0, dict(type='tests.integration.faults.hooks.Poison', {}))
custom_hooks[1]['max_nonfinite'] = 4
"""


def _train(arguments: str, place: Place) -> Outcome:
    return place.train(add=POISON.format(arguments))


def _all_and_skipped(count: int, place: Place, outcome: Outcome) -> None:
    names = [f'epoch_{n}.pth' for n in (1, 2, 3)]
    readable(*names)(place, outcome)
    last = load_from_local(place.work_dir / names[-1])
    assert last['switch_ema']['nonfinite'] == count
    assert last['ema_state_dict']['steps'] == 18 - count


def _stopped(place: Place, outcome: Outcome) -> None:
    """Look at what is left, and resume from it without the fault."""
    readable('epoch_1.pth')(place, outcome)
    mended = place.config.read_text().replace('first=8', 'first=10**9')
    place.config.write_text(mended)
    assert place.train('--resume').end == 'it goes on'
    readable('epoch_1.pth', 'epoch_2.pth', 'epoch_3.pth')(place, outcome)


STOPPED = dict(
    says='the weights were not finite after 4 optimizer steps in a row',
    end='exit code 1',
    left='earlier checkpoints, finite; a resume without the fault ends well',
    check=_stopped,
)

CASES = [
    Case(
        GROUP,
        'Weights are NaN after one step, and finite after the next',
        functools.partial(
            _train, "where='weight', value='nan', first=8, last=8"
        ),
        'the average skips them',
        end='it goes on',
        left='the average without that step',
        check=functools.partial(_all_and_skipped, 1),
    ),
    Case(
        GROUP,
        'Gradients are NaN once, and so the weights from then on',
        functools.partial(
            _train, "where='gradient', value='nan', first=8, last=8"
        ),
        **STOPPED,
    ),
    Case(
        GROUP,
        'Gradients are infinite in every step',
        functools.partial(_train, "where='gradient', value='inf', first=8"),
        **STOPPED,
    ),
    Case(
        GROUP,
        'A weight is infinite after every step',
        functools.partial(_train, "where='weight', value='inf', first=8"),
        **STOPPED,
    ),
]
