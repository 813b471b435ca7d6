"""Find the checkpoint to resume from."""

import logging
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Optional

from mmengine.dist import broadcast_object_list, is_main_process
from mmengine.logging import print_log
from mmengine.runner import Runner

from . import whole_files as files
from .safe_loading import (
    CheckpointError,
    DamagedCheckpointError,
    load_from_local,
)

__all__ = ['latest_checkpoint', 'use_latest_checkpoint']

#: Names that checkpoint hooks give by default.
_NAMES = re.compile(r'(epoch|iter)_\d+\.pth|interrupted\.pth')


def use_latest_checkpoint(runner: Runner, template: str = '') -> None:
    """Make a runner with ``resume=True`` load its newest readable checkpoint.

    Does nothing if ``load_from`` is given, or if the runner has loaded
    already. Call it on every rank.

    Args:
        runner (Runner): The runner, before it loads anything.
        template (str): As for :func:`latest_checkpoint`. Defaults to ''.
    """
    if runner._resume is not True or runner._load_from is not None:
        return
    if runner._has_loaded:
        return
    found: list[Optional[str]] = [None]
    if is_main_process():
        found = [latest_checkpoint(runner.work_dir, template)]
    broadcast_object_list(found)
    runner._load_from = found[0]


def latest_checkpoint(work_dir: str, template: str = '') -> Optional[str]:
    """Find the newest checkpoint of a run that can be read.

    The one that ``last_checkpoint`` names, unless a stop left a newer one
    that it does not name yet. A file that cannot be read is renamed to
    ``*.damaged``, and the next older one is tried. Afterwards
    ``last_checkpoint`` names the one that was found; it is removed with the
    last one.

    Args:
        work_dir (str): The folder of the run.
        template (str): Name of the run's checkpoints, with ``{}`` for the
            number, if it is not mmengine's. Defaults to ''.

    Returns:
        str, optional: Its path; None if there is none.
    """
    pointer = Path(work_dir) / 'last_checkpoint'
    text = ''
    if pointer.is_file():
        text = pointer.read_text(errors='replace').strip()
    if '://' in text:
        return text  # On another machine: mmengine reads it.
    named = _relocated(Path(text), Path(work_dir)) if text else None
    folder = Path(work_dir)
    if named is not None and named.parent.is_dir():
        folder = named.parent
    files.recover(folder)
    was_there = named is not None and named.exists()
    names = re.compile(re.escape(template).replace(r'\{\}', r'\d+'))
    others = [
        path
        for path in folder.glob('*')
        if _NAMES.fullmatch(path.name) or names.fullmatch(path.name)
    ]
    chosen = _first_readable(_newest_first(named, others))
    if chosen is not None and chosen != text:
        _warn(f'{pointer} names {chosen} now, instead of {text or "nothing"}.')
        files.write_text(pointer, chosen)
    elif chosen is None and was_there:
        _warn('No older one is left: training starts from the beginning.')
        pointer.unlink()
    return chosen


def _first_readable(candidates: Iterator[Path]) -> Optional[str]:
    """Return the first readable one; rename those before it."""
    for path in candidates:
        problem = _damage_of(path)
        if problem is None:
            return str(path)
        aside = path.with_name(f'{path.name}.damaged')
        path.replace(aside)
        _warn(
            f'The checkpoint {path} cannot be read ({problem}): it is '
            f'renamed to {aside.name}, and the one before it is tried.'
        )
    return None


def _warn(text: str) -> None:
    print_log(text, logger='current', level=logging.WARNING)


def _newest_first(named: Optional[Path], others: list[Path]) -> Iterator[Path]:
    """Yield the checkpoints of a run, the newest first."""
    others.sort(key=lambda path: -path.stat().st_mtime_ns)
    if named is None or not named.exists():
        yield from others
        return
    time, done = named.stat().st_mtime_ns, _iterations(named)
    newer = {
        path: _iterations(path)
        for path in others
        if path.stat().st_mtime_ns > time
    }
    yield from sorted(
        (path for path, iters in newer.items() if iters > done or iters < 0),
        key=lambda path: (newer[path] >= 0, -newer[path]),
    )
    yield named
    yield from (path for path in others if path not in (*newer, named))


def _relocated(named: Path, work_dir: Path) -> Path:
    """Return the path of a checkpoint, also when its folder was moved."""
    moved = work_dir / named.name
    return moved if moved.exists() and not named.exists() else named


def _iterations(path: Path) -> int:
    """Return the trained iterations without reading tensors; -1 if damaged."""
    try:
        return int(load_from_local(path, 'cpu', mmap=True)['meta']['iter'])
    except Exception:  # Damage shows in many ways; it is looked at later.
        return -1


def _damage_of(path: Path) -> Optional[str]:
    """Return why a checkpoint cannot be read; None if it can."""
    if path.is_dir():
        return None  # Written by several processes: their engine reads it.
    try:
        checkpoint = load_from_local(path, 'cpu')
    except (MemoryError, PermissionError):
        raise  # The file is whole.
    except CheckpointError as error:
        if not isinstance(error, DamagedCheckpointError):
            raise  # It is refused: an older one would hide that.
        return str(error)
    except Exception as error:  # Damage shows in many ways.
        lines = str(error).splitlines()
        return lines[0][:200] if lines else type(error).__name__
    lacking = {'meta', 'state_dict'} - set(checkpoint)
    return f'it lacks {min(lacking)}' if lacking else None
