"""End a command with one sentence where a user can fix the error."""

import contextlib
import os
import os.path as osp
import re
import sys
import traceback
from collections.abc import Iterator
from typing import NoReturn

import mmengine.registry
import torch.distributed as dist

import sema_mm

#: What a wrong config or a wrong path raises before the run.
USER_ERRORS = (ValueError, TypeError, KeyError, ImportError, OSError)


@contextlib.contextmanager
def one_sentence(*kinds: type[BaseException]) -> Iterator[None]:
    """End the program on such errors with their message and exit code 2.

    Args:
        *kinds (type): The errors that a user can fix; others pass.
    """
    try:
        yield
    except kinds as error:
        end(error, 2)


@contextlib.contextmanager
def running() -> Iterator[None]:
    """End the program on what a user can fix while a runner runs.

    The exit code is 2 for errors in the config or a checkpoint, and 1 for
    errors of the run. Other errors pass, with their traceback.
    """
    try:
        yield
    except Exception as error:
        if dist.is_initialized() and is_of_others(error):
            reason = str(error).splitlines()[0]
            text = (
                'another process of this run ended, or did not answer in '
                f'time; what it printed says why ({reason})'
            )
            end(RuntimeError(text), 1)
        on_the_way = isinstance(error, (OSError, RuntimeError))
        what = being_built(error)
        if what and isinstance(error, (*USER_ERRORS, AssertionError)):
            where = f' (while building the {what})'
            end(error, 1 if on_the_way else 2, where)
        known = isinstance(error, (ImportError, OSError))
        if known or explains_itself(error):
            end(error, 1 if on_the_way else 2)
        raise


def explains_itself(error: BaseException) -> bool:
    """Return whether this project or a registry raised an error."""
    folders = (sema_mm.__file__, __file__, mmengine.registry.__file__)
    path = place_of(error).filename
    return any(path.startswith(osp.dirname(f) + os.sep) for f in folders)


def being_built(error: BaseException) -> str:
    """Return what the runner was building when an error was raised.

    Returns:
        str: The part, such as ``'train loop'``; empty if it was running.
    """
    names = [
        frame.name
        for frame in traceback.extract_tb(error.__traceback__)
        if osp.basename(frame.filename) in ('runner.py', '_flexible_runner.py')
    ]
    built = [name for name in names if name.startswith('build_')]
    return built[-1][len('build_') :].replace('_', ' ') if built else ''


def is_of_others(error: BaseException) -> bool:
    """Return whether another process of the run caused an error."""
    gloo = isinstance(error, RuntimeError) and 'gloo' in str(error)
    return gloo or isinstance(error, dist.DistError)


def place_of(error: BaseException) -> traceback.FrameSummary:
    """Return the file and the line that raised an error."""
    frames = traceback.extract_tb(error.__traceback__)
    unnamed = traceback.FrameSummary(__file__, 0, '')
    return frames[-1] if frames else unnamed


def end(error: BaseException, code: int, more: str = '') -> NoReturn:
    """End the program with the message of an error.

    Errors that other code than this project's raised are followed by the
    file and the line.

    Args:
        error (BaseException): The error.
        code (int): The exit code.
        more (str): Text after the message. Defaults to ''.
    """
    text = str(error.args[0] if len(error.args) == 1 else error).strip()
    if 'Original Traceback' in text:  # Of a worker that reads data.
        text = text.splitlines()[-1].partition(': ')[2]
    text = re.sub(r'^\[Errno \d+\] ', '', text)
    kind = '' if ' ' in text else f'{type(error).__name__}: '
    sys.stdout.flush()
    print(f'error: {kind}{text}{more}', file=sys.stderr)
    place = place_of(error)
    ours = (sema_mm.__file__, __file__)
    if not any(place.filename.startswith(osp.dirname(f)) for f in ours):
        where = f'{place.filename}, line {place.lineno}'
        print(f'(raised in {where})', file=sys.stderr)
    sys.exit(code)
