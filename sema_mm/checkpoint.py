"""Reads mmengine's checkpoints, safely, on every torch since 2.6.

From torch 2.6 on, ``torch.load`` refuses by default what mmengine 0.10.7
puts into a checkpoint: the log history, whose pickle calls ``getattr``. So
neither ``resume`` nor ``load_from`` works. Here the few harmless classes are
allowed by name, and a stand-in for ``getattr`` gives out nothing but the four
statistics of a log history; anything else in a file is refused, unless the
file is in the run's own work_dir.
"""

import os
import pickle
from pathlib import Path
from typing import Any, Callable, Optional, Union

import numpy as np
import torch
from mmengine.logging import HistoryBuffer
from mmengine.runner import CheckpointLoader

__all__ = ['load_from_local', 'use_safe_loading']

_STATISTICS = ('min', 'max', 'current', 'mean')
_trusted: set[Path] = set()


def use_safe_loading(work_dir: Optional[str] = None) -> None:
    """Let mmengine read local checkpoints through :func:`load_from_local`.

    Args:
        work_dir (str, optional): The run's own folder: files in it are
            trusted, as the run wrote them. Defaults to None.
    """
    if work_dir is not None:
        _trusted.add(Path(work_dir).resolve())
    CheckpointLoader.register_scheme(
        prefixes='', loader=load_from_local, force=True
    )


def load_from_local(
    filename: Union[str, 'os.PathLike[str]'],
    map_location: Any = None,
    mmap: bool = False,
) -> dict:
    """Read a local checkpoint without running code from it.

    Args:
        filename (str or PathLike): Path of the file.
        map_location (Any): Where its tensors go, as for ``torch.load``.
            Defaults to None.
        mmap (bool): Whether to leave tensors in the file until they are
            used. Defaults to False.

    Returns:
        dict: The checkpoint.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file holds objects other than data, and is not in
            a trusted work_dir.
    """
    path = Path(filename).expanduser()
    if not path.is_file():
        raise FileNotFoundError(f'{path} can not be found.')
    try:
        with torch.serialization.safe_globals(_harmless()):
            return torch.load(path, map_location, weights_only=True, mmap=mmap)
    except pickle.UnpicklingError as error:
        if not _trusted.isdisjoint(path.resolve().parents):
            return torch.load(path, map_location, weights_only=False)
        raise ValueError(
            f'{path} holds objects other than tensors, numbers and text, '
            'which could run code when read, and was not written in the '
            'work_dir of this run: save its state_dict alone where you '
            f'trust it, and load that ({_reason(error)})'
        ) from error


def _harmless() -> list[Union[Callable, tuple[Callable, str]]]:
    """What mmengine puts into a checkpoint beside tensors."""
    dtypes = [t for t in vars(np.dtypes).values() if isinstance(t, type)]
    allowed: list[Any] = [HistoryBuffer, np.ndarray, np.dtype, *dtypes]
    allowed.append((_statistic, 'builtins.getattr'))
    rebuilders = {
        '_reconstruct': np.empty(0).__reduce__()[0],
        'scalar': np.float64(0).__reduce__()[0],
    }
    for module in ('numpy.core.multiarray', 'numpy._core.multiarray'):
        for name, function in rebuilders.items():
            allowed.append((function, f'{module}.{name}'))
    return allowed


def _statistic(owner: Any, name: str) -> Any:
    """Stand in for getattr: only the statistics of a log history."""
    if owner is HistoryBuffer and name in _STATISTICS:
        return getattr(owner, name)
    raise pickle.UnpicklingError(f'it asks for {name!r} of {owner!r}')


def _reason(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines()]
    named = [line for line in lines if 'GLOBAL' in line or 'asks' in line]
    return (named or lines or [type(error).__name__])[0][:200]
