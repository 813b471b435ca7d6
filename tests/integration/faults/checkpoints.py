"""Checkpoints that cannot be read, or not used."""

import functools
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from sema_mm.checkpointing.safe_loading import load_from_local
from tests.helpers.toy import build_runner
from tests.integration.faults.case import Case, Outcome, Place, readable
from tests.unit.checkpointing.test_safe_loading import Payload

GROUP = 'Checkpoints'
SAFE = """
default_hooks = dict(
    checkpoint=dict(type='sema_mm.SafeCheckpointHook', interval=1)
)
"""
BOTH = readable('epoch_1.pth', 'epoch_2.pth')
KEPT = 'the checkpoints of the run, as they were'
MORE = readable('epoch_1.pth', 'epoch_2.pth', 'epoch_3.pth')


@functools.lru_cache
def _trained() -> dict[str, bytes]:
    """Train two epochs, once."""
    with tempfile.TemporaryDirectory() as folder:
        hook = dict(type='sema_mm.SwitchEMAHook', momentum=0.5)
        build_runner(folder, hook, epochs=2, randomness=dict(seed=1)).train()
        return {p.name: p.read_bytes() for p in Path(folder).glob('*.pth')}


def run_of_two_epochs(place: Place) -> None:
    """Put the checkpoints of a run into the work_dir."""
    place.work_dir.mkdir(parents=True)
    for name, content in _trained().items():
        (place.work_dir / name).write_bytes(content)
    last = place.work_dir / 'epoch_2.pth'
    (place.work_dir / 'last_checkpoint').write_text(str(last))


def edited(place: Place, change: Callable[[dict], Any]) -> dict:
    """Read the last checkpoint of the work_dir, and change it."""
    content = load_from_local(place.work_dir / 'epoch_2.pth')
    change(content)
    return content


def _renamed(content: dict) -> None:
    for part, start in (('state_dict', ''), ('ema_state_dict', 'module.')):
        content[part] = {
            key.replace(start, f'{start}other.', 1): value
            for key, value in content[part].items()
        }


def _trap(place: Place) -> Payload:
    return Payload(os.system, f'touch {place.folder}/trace')


def _set_trap(content: dict, place: Place) -> None:
    content['extra'] = _trap(place)


def _two_processes(content: dict) -> None:
    state = dict(random=None, gradients={})
    content['training_state'] = dict(
        ranks=[state, state], counters=[], batches=0
    )


def _with_file(place: Place, content: Any, *args: str, **how) -> Outcome:
    """Train with a file beside a run of two epochs."""
    run_of_two_epochs(place)
    if callable(content):
        content = edited(place, content)
    if content is not None:
        place.write('given.pth', content)
    return place.train(*args, **how)


def _resume(fault: str, content: Any, says: str, **how) -> Case:
    act = functools.partial(_resume_act, content)
    left = dict(left=KEPT, check=BOTH)
    return Case(GROUP, fault, act, says, **{**left, **how})


def _resume_act(content: Any, place: Place) -> Outcome:
    return _with_file(place, content, '--resume', 'given.pth')


def _load_from_act(content: Any, place: Place) -> Outcome:
    return _with_file(place, content, options=('load_from=given.pth',))


def _half(place: Place) -> Outcome:
    whole = _trained()['epoch_2.pth']
    return _resume_act(whole[: len(whole) // 2], place)


def _folder(place: Place) -> Outcome:
    (place.folder / 'given.pth').mkdir()
    return _resume_act(None, place)


def _payload(place: Place) -> Outcome:
    outcome = _load_from_act(functools.partial(_set_trap, place=place), place)
    assert not (place.folder / 'trace').exists()
    return outcome


def _test(content: Any, *args: str):
    def act(place: Place) -> Outcome:
        run_of_two_epochs(place)
        place.write('given.pth', edited(place, content))
        return place.tool('test', 'given.pth', *args)

    return act


def _pointer(content: Any, place: Place) -> Outcome:
    """Resume with a last_checkpoint of this content."""
    run_of_two_epochs(place)
    place.write('work_dirs/toy/last_checkpoint', content)
    return place.train('--resume')


def _auto(change: Callable[[Place], Any], place: Place) -> Outcome:
    """Resume with our hook, which chooses, after a change."""
    run_of_two_epochs(place)
    change(place)
    return place.train('--resume', add=SAFE)


def _cut_last(place: Place) -> None:
    path = place.work_dir / 'epoch_2.pth'
    path.write_bytes(path.read_bytes()[:999])


def _trap_in_work_dir(place: Place) -> None:
    torch.save(
        edited(place, functools.partial(_set_trap, place=place)),
        place.work_dir / 'epoch_2.pth',
    )


def _newer_in_work_dir(place: Place) -> None:
    content = edited(place, lambda c: c.update(sema_mm_format=2))
    torch.save(content, place.work_dir / 'epoch_2.pth')


def _drop(*names: str) -> Callable[[dict], None]:
    return lambda content: [content.pop(name) for name in names]


def _both_as_they_were(place: Place, outcome: Outcome) -> None:
    assert not (place.folder / 'trace').exists()
    found = {path.name for path in place.work_dir.glob('*.pth*')}
    assert found == {'epoch_1.pth', 'epoch_2.pth'}


def _one_set_aside(place: Place, outcome: Outcome) -> None:
    assert (place.work_dir / 'epoch_2.pth.damaged').stat().st_size == 999
    MORE(place, outcome)


def _set_nan(content: dict) -> None:
    buffers = content['optimizer']['state'].values()
    for buffer in buffers:
        buffer['momentum_buffer'].fill_(float('nan'))


def _set_mmengine(content: dict) -> None:
    content['meta']['mmengine_version'] = '99.0.0'


def _not_read(place: Place, outcome: Outcome) -> None:
    names = {path.name for path in place.folder.glob('*.pth')}
    assert names == {'given.pth'}


GOES_ON = dict(end='it goes on', left='the run goes on, and saves', check=MORE)
DAMAGED = 'given.pth is no checkpoint: torch.save did not write it'

CASES = [
    _resume('`--resume` a file that is missing', None, 'no checkpoint given'),
    Case(
        GROUP,
        '`--resume` a folder',
        _folder,
        'is a folder, not a checkpoint',
        left=KEPT,
        check=BOTH,
    ),
    _resume('`--resume` an empty file', b'', 'given.pth is empty'),
    Case(
        GROUP,
        '`--resume` a file that ends in the middle',
        _half,
        'given.pth is damaged: only a part',
        left=KEPT,
        check=BOTH,
    ),
    _resume('`--resume` a text', 'epoch 1\n', DAMAGED),
    _resume('`--resume` a picture', b'\x89PNG\r\n\x1a\n' + bytes(99), DAMAGED),
    _resume(
        '`--resume` a file with one tensor',
        torch.ones(2),
        'holds a Tensor, not a checkpoint',
    ),
    _resume(
        '`--resume` a file of weights alone',
        _drop('meta', 'message_hub', 'optimizer'),
        'holds no training to resume',
    ),
    _resume(
        '`--resume` a checkpoint of another model', _renamed, 'fits the model'
    ),
    _resume(
        '`--resume` a checkpoint that was saved after a NaN',
        _set_nan,
        'holds NaN in its optimizer',
    ),
    _resume(
        '`--resume` a checkpoint of a newer format',
        lambda c: c.update(sema_mm_format=2),
        'format 2 of a newer sema_mm',
    ),
    _resume(
        '`--resume` a checkpoint of a newer mmengine',
        _set_mmengine,
        'was written by mmengine 99.0.0',
        **GOES_ON,
    ),
    _resume(
        '`--resume` a checkpoint without the state of the optimizer',
        _drop('optimizer'),
        'holds no state of the optimizer',
        **GOES_ON,
    ),
    _resume(
        '`--resume` a checkpoint without an average',
        _drop('ema_state_dict'),
        'holds no average',
        **GOES_ON,
    ),
    Case(
        GROUP,
        '`load_from` a checkpoint with `os.system` in its pickle',
        _payload,
        'could run code when read: posix.system',
        left=f'{KEPT}; nothing ran',
        check=BOTH,
    ),
    Case(
        GROUP,
        '`load_from` a checkpoint of another model',
        functools.partial(_load_from_act, _renamed),
        'fits the model',
        left=KEPT,
        check=BOTH,
    ),
    Case(
        GROUP,
        'tools/test.py: a checkpoint of another model',
        _test(_renamed),
        'fits the model',
        left=KEPT,
        check=BOTH,
    ),
    Case(
        GROUP,
        'tools/test.py `--weights origin`: one set of weights only',
        _test(_drop('ema_state_dict'), '--weights', 'origin'),
        'leave out --weights origin',
        left=KEPT,
        check=BOTH,
    ),
    Case(
        GROUP,
        'tools/convert_checkpoint.py: a text',
        lambda place: place.tool(
            *('convert', place.write('given.pth', 'no\n'), 'b.pth'),
            config=None,
        ),
        DAMAGED,
        check=_not_read,
    ),
    Case(
        GROUP,
        'tools/convert_checkpoint.py: a pickle that runs code',
        lambda place: place.tool(
            *('convert', place.write('given.pth', _trap(place))),
            'b.pth',
            config=None,
        ),
        'could run code when read',
        left='nothing is written; nothing ran',
        check=_not_read,
    ),
    Case(
        GROUP,
        '`--resume`, and the work_dir holds no checkpoint',
        lambda place: place.train('--resume'),
        'training starts from the beginning',
        end='it goes on',
        left='a run from the beginning',
        check=MORE,
    ),
    Case(
        GROUP,
        '`last_checkpoint` names a file that is gone',
        functools.partial(_pointer, '/gone/epoch_1.pth'),
        'there is no checkpoint /gone/epoch_1.pth',
        left=KEPT,
        check=BOTH,
    ),
    Case(
        GROUP,
        '`last_checkpoint` is empty',
        functools.partial(_pointer, ''),
        'last_checkpoint is empty: name the checkpoint',
        left=KEPT,
        check=BOTH,
    ),
    Case(
        GROUP,
        '`last_checkpoint` is damaged',
        functools.partial(_pointer, b'\xff\xfe\x80'),
        'last_checkpoint is damaged: name the checkpoint',
        left=KEPT,
        check=BOTH,
    ),
]

CHOOSING = 'Checkpoints, with SafeCheckpointHook and `--resume`'
CASES += [
    Case(
        CHOOSING,
        'The newest checkpoint is damaged',
        functools.partial(_auto, _cut_last),
        'epoch_2.pth cannot be read',
        end='it goes on',
        left='the run goes on from the one before; the damaged file, renamed',
        check=_one_set_aside,
    ),
    Case(
        CHOOSING,
        'The newest checkpoint runs code',
        functools.partial(_auto, _trap_in_work_dir),
        'could run code when read: posix.system',
        left=f'{KEPT}; nothing ran',
        check=_both_as_they_were,
    ),
    Case(
        CHOOSING,
        'The newest checkpoint is of a newer format',
        functools.partial(_auto, _newer_in_work_dir),
        'format 2 of a newer sema_mm',
        left=KEPT,
        check=_both_as_they_were,
    ),
    Case(
        CHOOSING,
        'It was written by two processes',
        functools.partial(
            _auto,
            lambda place: torch.save(
                edited(place, _two_processes), place.work_dir / 'epoch_2.pth'
            ),
        ),
        'saved with world_size=2, resumed with 1',
        **GOES_ON,
    ),
    Case(
        CHOOSING,
        '`last_checkpoint` is empty',
        functools.partial(
            _auto,
            lambda place: place.write('work_dirs/toy/last_checkpoint', ''),
        ),
        'epoch_2.pth now, instead of nothing',
        **{**GOES_ON, 'left': 'the run goes on from the newest, and saves'},
    ),
    Case(
        CHOOSING,
        '`last_checkpoint` names a file that is gone',
        functools.partial(
            _auto,
            lambda place: place.write(
                'work_dirs/toy/last_checkpoint', '/gone/epoch_7.pth'
            ),
        ),
        'epoch_2.pth now, instead of /gone/epoch_7.pth',
        **{**GOES_ON, 'left': 'the run goes on from the newest, and saves'},
    ),
]
