"""mmengine's checkpoints without copies of them in memory."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mmengine.runner.checkpoint as checkpoints
import mmengine.runner.runner as runners
import torch

from . import whole_files as files

__all__ = ['straight_to_disk']


@contextlib.contextmanager
def straight_to_disk() -> Iterator[None]:
    """Let mmengine write a checkpoint to a local disk piece by piece.

    mmengine 0.10.7 packs it into a buffer, copies the buffer, and writes the
    copy: twice the checkpoint's size in memory, and most of the time of a
    save. The functions by which its runners and strategies do so are
    replaced while this lasts.

    Yields:
        None: Nothing.
    """
    kept = runners.save_checkpoint, checkpoints.save_checkpoint
    runners.save_checkpoint = checkpoints.save_checkpoint = _save
    try:
        yield
    finally:
        runners.save_checkpoint, checkpoints.save_checkpoint = kept


def _save(checkpoint: dict, filename: str, **_: Any) -> None:
    """Write a checkpoint; the other arguments concern other disks."""
    path = Path(filename)
    path.parent.mkdir(parents=True, exist_ok=True)
    files.write(path, lambda file: torch.save(checkpoint, file))
