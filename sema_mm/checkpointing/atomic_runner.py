"""Atomic checkpoints: written under a temporary name, then renamed."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Optional

from mmengine.dist import all_gather_object, is_main_process
from mmengine.fileio import LocalBackend
from mmengine.runner import Runner

from . import whole_files as files

__all__ = ['AtomicRunner', 'DeferredDeleteBackend', 'raise_on_all_ranks']

#: Parts of what torch's file writer raises when a disk is full.
_TORCH_SAYS = ('inline_container', 'iostream error')


@contextlib.contextmanager
def raise_on_all_ranks(text: str) -> Iterator[None]:
    """Wait for all ranks, and raise a disk error of any on each of them.

    Args:
        text (str): The beginning of the error.

    Yields:
        None: Nothing.

    Raises:
        RuntimeError: If the disk of any rank fails.
    """
    cause: Optional[Exception] = None
    try:
        yield
    except OSError as error:
        cause = error
    except RuntimeError as error:
        if not any(words in str(error) for words in _TORCH_SAYS):
            raise
        cause = error
    mine = cause and (getattr(cause, 'strerror', None) or str(cause))
    problems = [one for one in all_gather_object(mine) if one]
    if problems:
        raise RuntimeError(
            f'{text} ({problems[0]}): the earlier checkpoints are intact; '
            'make room there, or allow to write there, and resume'
        ) from cause


class AtomicRunner:
    """A runner that renames its checkpoints when all ranks have written."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner

    def __getattr__(self, name: str) -> Any:
        return getattr(self._runner, name)

    def save_checkpoint(
        self, out_dir: str, filename: str, *args: Any, **kwargs: Any
    ) -> None:
        """Save under a temporary name, and rename; arguments as mmengine's.

        Args:
            out_dir (str): Folder of the checkpoint.
            filename (str): Its name, relative to the folder.
            *args (Any): Passed on.
            **kwargs (Any): Passed on.

        Raises:
            RuntimeError: If the checkpoint cannot be written.
        """
        path = Path(out_dir) / filename
        written = files.temporary(path)
        text = f'the checkpoint {path} could not be written'
        try:
            with raise_on_all_ranks(text):
                self._runner.save_checkpoint(
                    out_dir, written.name, *args, **kwargs
                )
            with raise_on_all_ranks(text):
                if is_main_process():
                    files.replace(path)
        except RuntimeError:
            if is_main_process():
                with contextlib.suppress(OSError):
                    files.remove(written)
            raise


class DeferredDeleteBackend(LocalBackend):
    """A local backend that records deletions in ``outdated``."""

    def __init__(self) -> None:
        super().__init__()
        self.outdated: list[Any] = []

    def remove(self, filepath: Any) -> None:
        """Record a file."""
        self.outdated.append(filepath)

    def rmtree(self, dir_path: Any) -> None:
        """Record a folder."""
        self.outdated.append(dir_path)
