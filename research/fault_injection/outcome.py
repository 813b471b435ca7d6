"""The outcome of a run, compared bit for bit."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.logging import HistoryBuffer

from sema_mm.checkpointing.safe_loading import load_from_local

__all__ = ['differences', 'fingerprints']

#: What says when and where a run was, and how long it took; the version
#: that mmengine writes has the commit of the folder that it runs in.
CIRCUMSTANCES = frozenset(
    (
        'cfg',
        'time',
        'data_time',
        'eta',
        'experiment_name',
        'mmengine_version',
    )
)
#: The weights before a switch are in no checkpoint: a validation that a
#: resume repeats cannot have their metric.
LOST = 'accuracy/top1_origin'


def fingerprints(work_dir: Path, memory: Path) -> dict[str, str]:
    """Hash everything that a run has left.

    Args:
        work_dir (Path): The folder of the run.
        memory (Path): A file with the final state in memory.

    Returns:
        dict[str, str]: A digest of each tensor, number and text of the last
        and of the best checkpoint and of the memory, and the names of all
        checkpoints; without times and paths.
    """
    found = {'checkpoints': ' '.join(checkpoint_names(work_dir))}
    states = {'memory': load_from_local(memory, 'cpu')}
    for path in sorted(work_dir.glob('*.pth')):
        states[path.name] = load_from_local(path, 'cpu')
    for name, state in states.items():
        for place, value in _leaves(state):
            parts = set(place.split('/'))
            if CIRCUMSTANCES.isdisjoint(parts) and LOST not in place:
                found[f'{name}:{place}'] = _digest(value)
    return found


def differences(one: dict[str, str], other: dict[str, str]) -> list[str]:
    """Return the keys at which two outcomes differ."""
    places = sorted(set(one) | set(other))
    return [place for place in places if one.get(place) != other.get(place)]


def checkpoint_names(work_dir: Path) -> list[str]:
    """Return the names of checkpoints and of what belongs to them."""
    names = (path.name for path in work_dir.iterdir() if path.is_file())
    return sorted(n for n in names if '.pth' in n or 'last_checkpoint' in n)


def _leaves(state: Any, place: str = '') -> Iterator[tuple[str, Any]]:
    if isinstance(state, HistoryBuffer):
        state = list(state.data)
    if isinstance(state, dict):
        for key, value in state.items():
            yield from _leaves(value, f'{place}/{key}')
    elif isinstance(state, (list, tuple)):
        yield f'{place}/length', len(state)
        for index, value in enumerate(state):
            yield from _leaves(value, f'{place}/{index}')
    else:
        yield place, state


def _digest(value: Any) -> str:
    if isinstance(value, torch.Tensor):
        value = value.detach().cpu().contiguous().numpy()
    if isinstance(value, np.ndarray):
        said = f'{value.dtype} {value.shape}'
        return f'{said} {hashlib.sha256(value.tobytes()).hexdigest()}'
    if isinstance(value, str) and '/' in value:
        value = Path(value).name  # The path of a checkpoint.
    return repr(value)
