"""Several processes, one of which goes wrong."""

import functools
import socket
import time

from tests.integration.faults import ranks
from tests.integration.faults.case import Case, Outcome, Place, readable
from tests.integration.faults.data import REMOVE, USE
from tests.integration.faults.hooks import FileData

GROUP = 'Several processes'
SECONDS = 8

TIMEOUT = f"""
env_cfg = dict(dist_cfg=dict(timeout={SECONDS}))
"""
LEAVE = """
custom_hooks += [dict(type='tests.integration.faults.hooks.Leave', {})]
"""
POISON = """
custom_hooks.insert(0, dict(type='tests.integration.faults.hooks.Poison', {}))
custom_hooks[1]['max_nonfinite'] = 2
"""


def _one_leaves(arguments: str, place: Place) -> Outcome:
    """Return what the rank prints that is left; the other ends or sleeps."""
    place.config.write_text(
        place.config.read_text() + TIMEOUT + LEAVE.format(arguments)
    )
    start = time.monotonic()
    stayed, _ = ranks.train(place, stay=(1,))
    # Imports, half an epoch, and the timeout.
    assert time.monotonic() - start < SECONDS + 40
    return stayed


def _poisoned(arguments: str, place: Place) -> Outcome:
    place.config.write_text(
        place.config.read_text() + TIMEOUT + POISON.format(arguments)
    )
    one, other = ranks.train(place)
    assert (one.end, one.says) == (other.end, other.says), (one, other)
    return one


def _one_lacks_a_file(place: Place) -> Outcome:
    FileData.write(place.folder / 'data')
    place.config.write_text(place.config.read_text() + TIMEOUT + USE + REMOVE)
    outcomes = ranks.train(place)
    (found,) = [one for one in outcomes if 'No such file' in one.says]
    (other,) = [one for one in outcomes if one is not found]
    assert other.end == found.end and 'another process' in other.says
    return found


def _busy_port(place: Place) -> Outcome:
    with socket.socket() as busy:
        busy.bind(('127.0.0.1', 0))
        busy.listen()
        port = busy.getsockname()[1]
        return ranks.train(place, ranks=1, port=port)[0]


LEFT = dict(
    end='exit code 1',
    left='the checkpoint of the epoch before',
    check=readable('epoch_1.pth'),
    slow=True,
)

CASES = [
    Case(
        GROUP,
        '`--launcher pytorch` without a launcher',
        lambda place: place.train('--launcher', 'pytorch'),
        'needs the environment variable RANK',
    ),
    Case(
        GROUP,
        'Another program has the port',
        _busy_port,
        'another program has this port',
        slow=True,
    ),
    Case(
        GROUP,
        'A process is killed in the second epoch: what the other prints',
        functools.partial(_one_leaves, 'rank=1, iteration=5'),
        'another process of this run ended',
        **LEFT,
    ),
    Case(
        GROUP,
        'A process hangs, `env_cfg.dist_cfg.timeout` is '
        f'{SECONDS} s: what the other prints',
        functools.partial(_one_leaves, 'rank=1, iteration=5, seconds=600'),
        'another process of this run ended, or did not answer',
        **LEFT,
    ),
    Case(
        GROUP,
        'A file is missing for one process',
        _one_lacks_a_file,
        'data/03.npy',
        **LEFT,
    ),
    Case(
        GROUP,
        'Gradients are NaN on one process, in every step',
        functools.partial(
            _poisoned, "where='gradient', value='nan', first=4, rank=1"
        ),
        'the weights were not finite after 2 optimizer steps in a row',
        **LEFT,
    ),
    Case(
        GROUP,
        'A weight is NaN on one process, after one step',
        functools.partial(
            _poisoned, "where='weight', value='nan', first=5, last=5, rank=1"
        ),
        'the weights of some ranks alone were not finite',
        **LEFT,
    ),
]
