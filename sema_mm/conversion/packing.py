"""Checkpoints of mmengine's format, and files for publishing."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..averaging.checkpoint_format import prefixed
from ..averaging.functional import bit_equal
from .found import AVERAGE, Found
from .state_dicts import StateDict, compact

#: An empty message hub, which mmengine needs to resume.
_NO_LOG: dict[str, dict] = dict(
    log_scalars={}, runtime_info={}, resumed_keys={}
)
#: The meta data of a published file.
_PUBLISHED = ('dataset_meta', 'epoch', 'iter')
_SIMPLE = (str, int, float, bool, bytes, type(None))


def pack_checkpoint(found: Found) -> dict[str, Any]:
    """Make a checkpoint of mmengine's format.

    Args:
        found (Found): The weights; the average must be there.

    Returns:
        Dict[str, Any]: ``state_dict`` is the average; ``ema_state_dict`` the
        origin, where there is one.
    """
    memo: dict = {}
    average = compact(found.weights(AVERAGE), memo)
    checkpoint = {
        'meta': _meta(found),
        'message_hub': _NO_LOG,
        **found.kept,
        'state_dict': average,
    }
    if found.origin is not None:
        origin = compact(found.origin, memo)
        checkpoint['ema_state_dict'] = _training(average, origin, found)
    return checkpoint


def pack_published(found: Found, which: str) -> dict[str, Any]:
    """Make a checkpoint of weights alone.

    Args:
        found (Found): The weights.
        which (str): 'average' or 'origin'.

    Returns:
        Dict[str, Any]: Nothing but data, so that every torch reads it.
    """
    meta = _meta(found)
    return {
        'meta': {key: meta[key] for key in _PUBLISHED if key in meta},
        'state_dict': compact(found.weights(which), {}),
    }


def name_left_out(found: Found, published: bool) -> list[str]:
    """List the entries of a checkpoint that its result does not have.

    Args:
        found (Found): The content of the checkpoint.
        published (bool): Whether the result is weights alone.

    Returns:
        List[str]: The entries.
    """
    names = list(found.left_out)
    if 'config' in found.meta:
        names.append('meta/config, a program that mmengine would run')
    if published:
        names += found.kept
        known = {*_PUBLISHED, 'CLASSES', 'PALETTE', 'config'}
        names += [f'meta/{key}' for key in found.meta if key not in known]
    return names


def _training(average: StateDict, origin: StateDict, found: Found) -> dict:
    """Name the origin as mmengine does; equal tensors are one."""
    training = {}
    for key, own in origin.items():
        mean = average[key]
        both = isinstance(mean, Tensor) and isinstance(own, Tensor)
        training[key] = mean if both and bit_equal(mean, own) else own
    steps = torch.tensor(found.steps or 1)
    return {**prefixed(training), 'steps': steps}


def _meta(found: Found) -> dict[str, Any]:
    # mmengine would run the text of a config on a resume: it is left out.
    meta = {k: v for k, v in found.meta.items() if k != 'config'}
    if 'dataset_meta' not in meta:
        named = {'classes': meta.pop('CLASSES', None)}
        named['palette'] = meta.pop('PALETTE', None)
        named = {k: v for k, v in named.items() if v is not None}
        if named:
            meta['dataset_meta'] = named
    return _plain(meta)


def _plain(value: Any) -> Any:
    """Convert numpy's objects to Python's, all others to text."""
    if isinstance(value, dict):
        return {_plain(k): _plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        items = [_plain(item) for item in value]
        return items if isinstance(value, list) else tuple(items)
    if isinstance(value, (np.ndarray, np.generic)):
        return value.tolist()
    return value if isinstance(value, _SIMPLE) else str(value)
