"""The command that a run is repeated with."""

import os
import shlex
import sys
from pathlib import Path

__all__ = ['command_line']


def command_line(program: str) -> str:
    """Return the command of this run.

    Args:
        program (str): The module that runs.

    Returns:
        str: The command for a shell, with ``OMP_NUM_THREADS`` where it is
        set, and the folder of ``--out`` as one of the committed results.
    """
    threads = os.environ.get('OMP_NUM_THREADS')
    words = [f'OMP_NUM_THREADS={threads}'] if threads else []
    words += ['python', '-m', program]
    given = iter(sys.argv[1:])
    for word in given:
        words.append(word)
        if word == '--out':
            words.append(f'research/speed/results/{Path(next(given)).name}')
    return shlex.join(words)
