"""Files that are replaced atomically: old or new, never a part."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

__all__ = [
    'check_writable',
    'flush',
    'recover',
    'remove',
    'remove_temporary',
    'replace',
    'temporary',
    'write',
    'write_text',
]

_MARK = '.partial'
_FORMER = '.former'


def temporary(path: Path) -> Path:
    """Return the hidden name under which a file is written first."""
    return path.with_name(f'.{path.name}{_MARK}')


def remove_temporary(folder: Path) -> None:
    """Remove what interrupted writes left in a folder."""
    for path in folder.glob(f'.*{_MARK}'):
        remove(path)


def replace(path: Path) -> None:
    """Replace a file or folder by the one at its temporary name.

    A folder cannot replace another atomically: the old one is renamed before,
    and :func:`recover` renames it back after a stop in between.
    """
    written, former = temporary(path), _former(path)
    for inner in (*written.rglob('*'), written):
        flush(inner)
    if path.is_dir():
        remove(former)
        os.replace(path, former)
    os.replace(written, path)
    flush(path.parent)
    remove(former)


def recover(folder: Path) -> None:
    """Finish the replacements that were interrupted in a folder."""
    for former in folder.glob(f'.*{_FORMER}'):
        path = former.with_name(former.name[1 : -len(_FORMER)])
        if path.exists():
            remove(former)
        else:
            os.replace(former, path)


def write(path: Path, save: Callable[[BinaryIO], object]) -> None:
    """Write a file, which may be large, with a function."""
    with path.open('wb') as file:
        save(file)


def write_text(path: Path, text: str) -> None:
    """Replace a small file; after an OSError the old one is intact."""
    try:
        temporary(path).write_text(text)
        replace(path)
    except OSError:
        remove(temporary(path))
        raise


def check_writable(folder: Path) -> None:
    """Create a folder; raise an OSError if nothing can be written there."""
    folder.mkdir(parents=True, exist_ok=True)
    probe = temporary(folder / 'probe')
    probe.touch()
    probe.unlink()


def flush(path: Path) -> None:
    """Flush a file, or the names in a folder, to the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def remove(path: Path) -> None:
    """Remove a file or a folder, if it exists."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _former(path: Path) -> Path:
    return path.with_name(f'.{path.name}{_FORMER}')
