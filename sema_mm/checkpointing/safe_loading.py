"""Read checkpoints without running code that they hold.

From torch 2.6 on, ``torch.load`` refuses by default the log history in
mmengine's checkpoints, as its pickle calls ``getattr``: neither ``resume`` nor
``load_from`` works. Here the classes of :mod:`.safe_globals` are allowed and
everything else is refused, whatever the file's place and name. The config text
of mmcv 1.x, which mmengine 0.10.7 runs when it resumes, is left out.
"""

import contextlib
import errno
import functools
import logging
import os
import pickle
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Optional, Union

import mmengine
import torch
from mmengine.logging import print_log
from mmengine.utils import digit_version

from .safe_globals import safe_globals

__all__ = [
    'CheckpointError',
    'DamagedCheckpointError',
    'load_from_local',
    'force_weights_only',
    'safe_loader',
]

#: The file that any runner can read, in a folder that several ranks wrote.
FULL_CHECKPOINT = 'model.pth'
#: The format of our checkpoints; ``sema_mm_format`` holds it, 1 if missing.
FORMAT = 1


class CheckpointError(ValueError):
    """A checkpoint that cannot be used; the sentence says why."""


class DamagedCheckpointError(CheckpointError):
    """What should be a checkpoint is none, or not a whole one."""


def load_from_local(
    filename: Union[str, 'os.PathLike[str]'],
    map_location: Any = None,
    mmap: bool = False,
) -> dict:
    """Read a local checkpoint without running code from it.

    Args:
        filename (str or PathLike): Path of the file, or of a folder that
            :class:`sema_mm.DeepSpeedStrategy` wrote.
        map_location (Any): Where its tensors go, as for ``torch.load``.
            Defaults to None.
        mmap (bool): Whether to leave tensors in the file until they are
            used. Defaults to False.

    Returns:
        dict: The checkpoint.

    Raises:
        FileNotFoundError: If there is no such file.
        DamagedCheckpointError: If the file is no checkpoint, or not a whole
            one.
        CheckpointError: If it is a folder, holds objects other than data, or
            was written by a newer version.
    """
    path = Path(filename).expanduser()
    if path.is_dir():
        if not (path / FULL_CHECKPOINT).is_file():
            raise CheckpointError(f'{path} is a folder, not a checkpoint')
        path /= FULL_CHECKPOINT
    if not path.is_file():
        raise FileNotFoundError(f'{path} can not be found.')
    try:
        with force_weights_only(path):
            content = torch.load(
                path, map_location, weights_only=True, mmap=mmap
            )
    except Exception as error:  # Damage shows in many ways.
        if mmap and 'mmap can only be used' in str(error):
            return load_from_local(path, map_location)
        if _is_no_damage(error):
            raise
        raise DamagedCheckpointError(f'{path} {_damage(path)}') from error
    return _checked(path, content)


def safe_loader(loader: Callable[..., dict]) -> Callable[..., dict]:
    """Wrap a loader of mmengine's; it runs no code and passes none on.

    Args:
        loader (Callable): Takes a file name and a device, and returns a
            checkpoint.

    Returns:
        Callable: The same, with the original as ``__wrapped__``.
    """

    @functools.wraps(loader)
    def load(filename: str, map_location: Any = None) -> dict:
        with force_weights_only(filename):
            checkpoint = loader(filename, map_location)
        meta = _checked(filename, checkpoint).get('meta')
        if isinstance(meta, dict):
            # The only key whose text mmengine runs, for gpu_ids of mmcv 1.x.
            meta.pop('config', None)
            _compare_versions(filename, meta)
        return checkpoint

    return load


@contextlib.contextmanager
def force_weights_only(name: Any) -> Iterator[None]:
    """Refuse what is not data in every ``torch.load``, whoever calls it.

    Args:
        name (str or PathLike): What is read, for the error.

    Yields:
        None: Nothing.

    Raises:
        CheckpointError: If there was something else.
        RuntimeError: As torch raised it, for another reason.
        UnpicklingError: As torch raised it, for another reason.
    """
    variables = {
        key: os.environ.pop(key, None)
        for key in (
            'TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD',
            'TORCH_FORCE_WEIGHTS_ONLY_LOAD',
        )
    }
    os.environ['TORCH_FORCE_WEIGHTS_ONLY_LOAD'] = '1'
    try:
        with torch.serialization.safe_globals(safe_globals()):
            yield
    except (pickle.UnpicklingError, RuntimeError) as error:
        found = _forbidden(str(error))
        if found is None:
            raise
        raise CheckpointError(
            f'{name} holds objects other than data, which could run code '
            f'when read: {found}; where you trust it, save its state_dict '
            'alone and use that, or, for a class of your own, call '
            'torch.serialization.add_safe_globals([CLASS]) in the config'
        ) from error
    finally:
        del os.environ['TORCH_FORCE_WEIGHTS_ONLY_LOAD']
        given = {k: v for k, v in variables.items() if v is not None}
        os.environ.update(given)


def _forbidden(text: str) -> Optional[str]:
    """Name what torch refused as more than data; None for other errors."""
    if 'TorchScript archives' in text:
        return 'a TorchScript program'
    named = re.search(r'GLOBAL (\S+)', text)
    if named:
        return named[1]
    asked = re.search(r'it asks for .*|Trying to call .*|Can only .*', text)
    return asked[0][:200] if asked else None


def _is_no_damage(error: Exception) -> bool:
    """Tell whether a file may be whole that could not be read."""
    if isinstance(error, OSError):
        return error.errno != errno.EINVAL  # A place beyond its end.
    no_device = 'deserialize object on' in str(error)
    return no_device or isinstance(error, (CheckpointError, MemoryError))


def _damage(path: Path) -> str:
    """Say what is wrong with a file that cannot be read."""
    with path.open('rb') as file:
        start = file.read(2)
    if not start:
        return 'is empty'
    if start in (b'PK', b'\x80\x02'):  # As torch.save begins, now and before.
        return 'is damaged: only a part of it is there, or it was changed'
    return 'is no checkpoint: torch.save did not write it'


def _checked(name: Any, content: Any) -> dict:
    """Return a checkpoint that this version can read."""
    if not isinstance(content, dict):
        kind = type(content).__name__
        raise CheckpointError(f'{name} holds a {kind}, not a checkpoint')
    version = content.get('sema_mm_format', FORMAT)
    if version != FORMAT:
        raise CheckpointError(
            f'{name} is of format {version} of a newer sema_mm, and this one '
            f'reads format {FORMAT}: update sema_mm'
        )
    return content


def _compare_versions(name: Any, meta: dict) -> None:
    """Warn of a checkpoint of a newer mmengine."""
    written = str(meta.get('mmengine_version', '0')).split('+')[0]
    if not re.fullmatch(r'[\d.]+', written):
        return
    if digit_version(written) > digit_version(mmengine.__version__):
        print_log(
            f'{name} was written by mmengine {written}, and this is '
            f'{mmengine.__version__}: what the newer one added is not read.',
            logger='current',
            level=logging.WARNING,
        )
