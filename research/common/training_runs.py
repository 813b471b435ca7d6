"""Run tools/train.py from another program, and read what it has logged."""

import collections
import contextlib
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Optional

from .scalars import find_logs, read_log

ROOT = Path(__file__).resolve().parents[2]
VALIDATED = re.compile(r'Epoch\(val\) +\[(\d+)\]\[\d+/\d+\] +(.+?) +data_time')


class TrainingFailed(RuntimeError):
    """A training ended with an error.

    Args:
        message (str): How it ended, and where its logs are.
        output (str): The end of its output.
    """

    def __init__(self, message: str, output: str) -> None:
        super().__init__(message)
        self.output = output


def run_training(
    config: Path,
    folder: Path,
    options: list[str],
    report: Optional[Callable[[str, str], None]] = None,
) -> list[float]:
    """Train a config in a process of its own.

    Args:
        config (Path): The config.
        folder (Path): The work_dir.
        options (list[str]): What ``--cfg-options`` of ``tools/train.py``
            takes.
        report (callable, optional): Called after each validation with the
            epoch and its metrics.

    Returns:
        list[float]: When the validation of each epoch ended, in seconds.

    Raises:
        TrainingFailed: If the training fails.
    """
    command = [
        *(sys.executable, str(ROOT / 'tools' / 'train.py'), str(config)),
        *('--work-dir', str(folder)),
    ]
    if options:
        command += ['--cfg-options', *options]
    tail: collections.deque[str] = collections.deque(maxlen=25)
    ends = []
    with started(command) as child:
        for line in child.stdout or ():
            tail.append(line)
            found = VALIDATED.search(line)
            if found:
                ends.append(time.monotonic())
                if report:
                    report(found[1], found[2])
    if child.returncode:
        raise TrainingFailed(
            f'ended with exit code {child.returncode}; the end of its output '
            f'is above, its logs are in {folder}.',
            ''.join(tail),
        )
    return ends


@contextlib.contextmanager
def started(command: list[str]) -> Iterator['subprocess.Popen[str]']:
    """Run a program, and stop it when this one is stopped.

    Args:
        command (list[str]): The program and its arguments.

    Yields:
        subprocess.Popen: The program; it has ended on a normal exit.
    """
    # With tensors this small, more threads only wait for each other.
    threads = {'OMP_NUM_THREADS': os.environ.get('OMP_NUM_THREADS', '1')}
    child = subprocess.Popen(
        command,
        env={**os.environ, **threads},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        yield child
        child.wait()
    finally:
        if child.poll() is None:
            child.terminate()
            try:
                child.wait(10)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()


def read_validations(folder: Path, metric: str) -> list[dict[str, Any]]:
    """Read the validations of the latest run in a work_dir, by epoch."""
    latest = max(find_logs(folder), key=lambda log: log.stat().st_mtime)
    return [line for line in read_log(latest) if metric in line]
