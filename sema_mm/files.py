"""Files that are either old or new, never half written."""

import os
import shutil
from pathlib import Path

__all__ = [
    'flush',
    'remove',
    'remove_temporary',
    'replace',
    'temporary',
    'write_text',
]

_MARK = '.partial'


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

    What was there before stays whole until the new file takes its place.

    Args:
        path (Path): Where the file belongs; or the folder, for checkpoints
            that are folders.
    """
    written = temporary(path)
    flush(written)
    if path.is_dir():
        shutil.rmtree(path)
    os.replace(written, path)
    flush(path.parent)


def write_text(path: Path, text: str) -> None:
    """Write a small file at once.

    Args:
        path (Path): Where the file belongs.
        text (str): Its content.
    """
    temporary(path).write_text(text)
    replace(path)


def flush(path: Path) -> None:
    """Make the disk hold what was written to a file or a folder.

    Args:
        path (Path): The file or folder.
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
