"""Files that are either old or new, never half written."""

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
    """Name the file in which a file is written before it gets its name.

    Args:
        path (Path): Where the file belongs.

    Returns:
        Path: A hidden name in the same folder.
    """
    return path.with_name(f'.{path.name}{_MARK}')


def remove_temporary(folder: Path) -> None:
    """Remove what interrupted writes left in a folder.

    Args:
        folder (Path): The folder.
    """
    for path in folder.glob(f'.*{_MARK}'):
        remove(path)


def replace(path: Path) -> None:
    """Give a file, written under its temporary name, its own.

    What was there before stays whole until the new file takes its place. A
    folder cannot take the place of another at once: the old one is renamed
    before, and :func:`recover` renames it back after a stop in between.

    Args:
        path (Path): Where the file belongs; or the folder, for checkpoints
            that are folders.
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
    """Finish replacements that were interrupted.

    Args:
        folder (Path): The folder of files or checkpoints.
    """
    for former in folder.glob(f'.*{_FORMER}'):
        path = former.with_name(former.name[1 : -len(_FORMER)])
        if path.exists():
            remove(former)
        else:
            os.replace(former, path)


def write(path: Path, save: Callable[[BinaryIO], object]) -> None:
    """Write a file, which may be large, piece by piece.

    Args:
        path (Path): The file.
        save (Callable): Writes into it.
    """
    with path.open('wb') as file:
        save(file)


def write_text(path: Path, text: str) -> None:
    """Write a small file at once.

    Args:
        path (Path): Where the file belongs.
        text (str): Its content.

    Raises:
        OSError: If it cannot be written; what was there before is intact.
    """
    try:
        temporary(path).write_text(text)
        replace(path)
    except OSError:
        remove(temporary(path))
        raise


def check_writable(folder: Path) -> None:
    """Write to a folder, and make it if it is not there.

    Args:
        folder (Path): The folder.

    Raises:
        OSError: If nothing can be written there.
    """
    folder.mkdir(parents=True, exist_ok=True)
    probe = temporary(folder / 'probe')
    probe.touch()
    probe.unlink()


def flush(path: Path) -> None:
    """Make the disk hold what was written to a file or a folder.

    Args:
        path (Path): The file, or the folder: the names in it, that is.
    """
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def remove(path: Path) -> None:
    """Remove a file, or a checkpoint that is a folder, if it is there.

    Args:
        path (Path): The file or folder.
    """
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _former(path: Path) -> Path:
    return path.with_name(f'.{path.name}{_FORMER}')
