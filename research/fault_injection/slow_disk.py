"""A slow disk, on which each call is recorded before it is made."""

import functools
import io
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

from mmengine.fileio import LocalBackend
from mmengine.runner import Runner

from sema_mm.checkpointing import whole_files as files

from .journal import Journal

__all__ = ['IN_A_SAVE', 'watch']

#: What belongs to a save, from the first byte on the disk to the removal of
#: what is outdated.
IN_A_SAVE = ('writing', 'flushing', 'replacing', 'pointing', 'removing')
PIECE = 2**18
POINTER = 'last_checkpoint'


def watch(journal: Journal, delay: float) -> None:
    """Slow down the disk for this process, and keep a journal of its calls.

    The functions behind a save are replaced, for the rest of the process, by
    such that note their call, wait, and then do the same.

    Args:
        journal (Journal): The journal.
        delay (float): Seconds to wait before every call.
    """
    _note_the_loop(journal)

    def slow(owner: Any, name: str, phase: str, argument: int) -> None:
        function = getattr(owner, name)

        @functools.wraps(function)
        def slowed(*args: Any, **kwargs: Any) -> Any:
            path = Path(args[argument])
            if phase == 'removing' and not path.exists():
                return function(*args, **kwargs)
            word = 'pointing' if POINTER in path.name else phase
            with journal.during(word, path.name):
                time.sleep(delay)
                return function(*args, **kwargs)

        setattr(owner, name, slowed)

    slow(files, 'flush', 'flushing', 0)
    slow(files, 'write_text', 'pointing', 0)
    slow(files, 'remove', 'removing', 0)
    slow(os, 'replace', 'replacing', 0)
    slow(LocalBackend, 'remove', 'removing', 1)

    def write(path: Path, save: Callable[[BinaryIO], object]) -> None:
        with journal.during('writing', path.name):
            with _SlowFile(path, delay) as file:
                save(file)

    files.write = write


class _SlowFile(io.FileIO):
    """A file that waits before every piece of a quarter of a megabyte."""

    def __init__(self, path: Path, delay: float) -> None:
        super().__init__(path, 'wb')
        self._delay = delay
        self._left = 0

    def write(self, data: Any) -> int:
        """Write a buffer piece by piece; return its length."""
        view = memoryview(data).cast('B')
        for start in range(0, len(view), PIECE):
            piece = view[start : start + PIECE]
            self._left -= len(piece)
            if self._left < 0:
                self._left = PIECE
                time.sleep(self._delay)
            super().write(piece)
        return len(view)


def _note_the_loop(journal: Journal) -> None:
    """Record loading, iterations, validations and starts of saves."""
    call_hook, load = Runner.call_hook, Runner.load_checkpoint
    save = Runner.save_checkpoint

    def noted_hook(runner: Runner, fn_name: str, **kwargs: Any) -> None:
        if fn_name == 'before_train_iter':
            journal.mark('iteration', runner.iter + 1)
        elif fn_name == 'before_val':
            journal.mark('validation', runner.iter)
        elif fn_name == 'after_train':
            journal.mark('end', runner.iter)
        call_hook(runner, fn_name, **kwargs)

    def noted_load(runner: Runner, name: str, *args: Any, **kw: Any) -> Any:
        with journal.during('loading', Path(name).name):
            return load(runner, name, *args, **kw)

    def noted_save(
        runner: Runner, out_dir: str, filename: str, *args: Any, **kw: Any
    ) -> None:
        with journal.during('collecting', filename):
            save(runner, out_dir, filename, *args, **kw)

    Runner.call_hook = noted_hook
    Runner.load_checkpoint = noted_load
    Runner.save_checkpoint = noted_save
