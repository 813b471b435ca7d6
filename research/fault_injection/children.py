"""Forked processes that train and are killed."""

import dataclasses
import os
import signal
import sys
import time
import traceback
from pathlib import Path
from typing import Optional

import torch

from .journal import Entry, Journal, read_journal
from .outcome import checkpoint_names
from .slow_disk import watch
from .training import train

__all__ = ['Child', 'Run', 'wait_for_single_thread']


@dataclasses.dataclass(frozen=True)
class Run:
    """A training, and where it is kept.

    Attributes:
        kind (str): Its loop and data loader.
        epochs (int): Its length.
        folder (Path): Holds its work_dir, journals and output.
        delay (float): Seconds before every call of the disk.
    """

    kind: str
    epochs: int
    folder: Path
    delay: float

    @property
    def work_dir(self) -> Path:
        """The folder of the runner."""
        return self.folder / 'run'

    @property
    def memory(self) -> Path:
        """The file with the final state in memory."""
        return self.folder / 'memory.pth'

    def on_disk(self) -> tuple[str, str]:
        """Return checkpoints with sizes, and what last_checkpoint names."""
        if not self.work_dir.exists():
            return '', ''
        files = [self.work_dir / n for n in checkpoint_names(self.work_dir)]
        listed = ' '.join(f'{p.name}:{p.stat().st_size}' for p in files)
        pointer = self.work_dir / 'last_checkpoint'
        named = Path(pointer.read_text()).name if pointer.exists() else ''
        return listed, named


class Child:
    """A process that trains, or goes on with a training.

    Args:
        run (Run): The training.
        number (int): How many processes the run had before.
    """

    def __init__(self, run: Run, number: int) -> None:
        self._started = time.monotonic()
        self._journal = run.folder / f'journal{number}'
        self._output = run.folder / f'output{number}'
        run.folder.mkdir(parents=True, exist_ok=True)
        self._pid = os.fork()
        if self._pid == 0:
            self._live(run, resume=number > 0)
        self._status: Optional[int] = None

    def wait(self, moment: Optional[float] = None) -> bool:
        """Wait for the end of the process, or kill it.

        Args:
            moment (float, optional): Seconds after its start to kill it, and
                the processes that it has started. None: never.

        Returns:
            bool: Whether it was killed.

        Raises:
            RuntimeError: If it fails by itself.
        """
        try:
            while self._status is None and not self._due(moment):
                pid, status = os.waitpid(self._pid, os.WNOHANG)
                self._status = status if pid else None
                time.sleep(0.001)
        finally:
            if self._status is None:
                self._kill()
        killed = os.WIFSIGNALED(self._status or 0)
        if not killed and self._status:
            raise RuntimeError(
                f'a training has failed by itself:\n{self.output()}'
            )
        return killed

    def entries(self) -> list[Entry]:
        """Return the journal, the last entry last."""
        return read_journal(self._journal)

    def output(self) -> str:
        """Return what the process printed."""
        return self._output.read_text()

    def seconds(self) -> float:
        """Return the seconds since the process was started.

        Returns:
            float: Seconds.
        """
        return time.monotonic() - self._started

    def _due(self, moment: Optional[float]) -> bool:
        return moment is not None and self.seconds() >= moment

    def _kill(self) -> None:
        # Both sides make the group, as either may be first.
        try:
            os.setpgid(self._pid, self._pid)
        finally:
            os.killpg(self._pid, signal.SIGKILL)
            _, self._status = os.waitpid(self._pid, 0)

    def _live(self, run: Run, resume: bool) -> None:
        """Train as the child process; never return."""
        code = 1
        try:
            os.setpgid(0, 0)
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            file = os.open(self._output, os.O_WRONLY | os.O_CREAT, 0o644)
            os.dup2(file, 1), os.dup2(file, 2)
            sys.stdout = sys.stderr = os.fdopen(file, 'w', buffering=1)
            watch(Journal(self._journal), run.delay)
            left = train(run.kind, run.epochs, run.work_dir, resume)
            torch.save(left, run.memory)
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)


def wait_for_single_thread(seconds: float = 20.0) -> None:
    """Wait until this process can be forked.

    Args:
        seconds (float): For how long. Defaults to 20.

    Raises:
        RuntimeError: If it still has several threads then.
    """
    end = time.monotonic() + seconds
    while len(os.listdir('/proc/self/task')) > 1:
        if time.monotonic() > end:
            raise RuntimeError(
                'this process has several threads, so that its copies could '
                'deadlock on inherited locks: set OMP_NUM_THREADS=1 and '
                'OPENBLAS_NUM_THREADS=1'
            )
        time.sleep(0.05)
