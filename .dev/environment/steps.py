"""Run the commands of the set-up, with signs of life and clear failures."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

HEARTBEAT_SECONDS = 15
NO_NETWORK = re.compile(
    r'connection broken by|Failed to establish a new connection'
    r'|name resolution|Max retries exceeded|Read timed out|ConnectTimeout'
)
COMPILED_FILES = re.compile(r'^\s*\[(\d+)/(\d+)\]', re.MULTILINE)
PROGRESS = re.compile(
    r'^\s*((?:Collecting|Downloading|Installing|Precompiling)\b.*)', re.M
)


class SetUpError(Exception):
    """Why the set-up cannot go on: one sentence, with what to do."""


class Steps:
    """Run one command after the other and say how far it has come.

    Args:
        log_path (Path): file that takes the commands' output.
    """

    def __init__(self, log_path: Path) -> None:
        self.log_path = log_path
        self.start = time.monotonic()
        log_path.write_text('')

    def say(self, text: str) -> None:
        """Print one line with the seconds since the start."""
        print(f'[{time.monotonic() - self.start:4.0f} s] {text}', flush=True)

    def run(
        self,
        title: str,
        command: Sequence[str],
        env: Mapping[str, str] | None = None,
    ) -> None:
        """Run a command to its end, printing a sign of life now and then.

        Args:
            title (str): what the command does, for the person who waits.
            command (Sequence[str]): program and arguments.
            env (Mapping[str, str], optional): environment of the command.
                Defaults to this process's own.

        Raises:
            SetUpError: If the command fails.
        """
        self.say(title)
        offset = self.log_path.stat().st_size
        with self.log_path.open('ab') as log:
            process = subprocess.Popen(
                command,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=env,
                start_new_session=True,
            )
            try:
                code = self._wait(process, offset)
            finally:
                if process.poll() is None:  # Interrupted: end compilers too.
                    os.killpg(process.pid, signal.SIGTERM)
                    process.wait()
        if code:
            raise SetUpError(self._reason(title, offset))

    def _wait(self, process: subprocess.Popen[bytes], offset: int) -> int:
        while True:
            try:
                return process.wait(timeout=HEARTBEAT_SECONDS)
            except subprocess.TimeoutExpired:
                self.say(f'  ... {progress(self._output(offset))}')

    def _output(self, offset: int) -> str:
        with self.log_path.open('rb') as log:
            log.seek(offset)
            return log.read().decode(errors='replace')

    def _reason(self, title: str, offset: int) -> str:
        output = self._output(offset)
        if NO_NETWORK.search(output):
            return (
                f'The package registry cannot be reached ({title}): check '
                "the network, or pip's index settings, and run this again."
            )
        # The first error of a compiler, or the last word of another program.
        compiler = re.findall(r':\d+: (?:fatal )?(error: .*)', output)[:1]
        program = re.findall(r'(?im)^\s*error\b.*', output)[-1:]
        lines = output.split('\n')[-2:-1]
        [last] = compiler or program or lines or ['no output']
        return (
            f'This step failed ({title}): {last.strip()}; '
            f'the whole output is in {self.log_path}.'
        )


def progress(output: str) -> str:
    """Return how far a command has come, in a few words.

    Args:
        output (str): what pip, or a compilation, has printed so far.
    """
    compiled = COMPILED_FILES.findall(output)
    if compiled:
        return '{} of {} files compiled'.format(*compiled[-1])
    steps = PROGRESS.findall(output)
    return steps[-1][:60] if steps else 'still running'
