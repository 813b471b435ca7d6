"""Checkpoints of mmcv 1.x, OpenMixup and SEMA's detection code.

Their hooks register the second set of weights as buffers of the model: for
``a.b.weight`` the buffer ``ema_a_b_weight``.
"""

from collections import defaultdict

from torch import Tensor

from .found import Found
from .infer_ema_location import (
    BUFFERS,
    infer_ema_location,
    saved_by_iteration,
)
from .state_dicts import StateDict, like

_PREFIX = 'ema_'


def has_buffers(state: StateDict) -> bool:
    """Return whether a state dict has such a buffer for one of its names."""
    return bool(_pair(state)[0])


def split(
    state: StateDict, meta: dict, file: str = '', average_in: str = 'auto'
) -> Found:
    """Separate the two sets of weights.

    Args:
        state (StateDict): The model's state dict, buffers included.
        meta (dict): The meta data of the checkpoint.
        file (str): Its path, whose name tells when it was saved. Defaults
            to ''.
        average_in (str): Which entries hold the average: 'weights',
            'buffers', or 'auto' to infer it. Defaults to 'auto'.

    Returns:
        Found: The average and the origin.
    """
    pairs, unmatched = _pair(state)
    reason = 'as the command line says'
    if average_in == 'auto':
        average_in, reason = infer_ema_location(meta, file)
    weights, buffers = like(state), like(state)
    partner_of = {name: buffer for buffer, name in pairs.items()}
    for key, value in state.items():
        if key not in pairs:
            weights[key] = value
            buffers[key] = state[partner_of.get(key, key)]
    swapped = average_in == BUFFERS
    if saved_by_iteration(meta, file):
        meta = _recounted(meta)
    iterations = meta.get('iter')
    return Found(
        'mmcv 1.x, with a second set of weights in ema_* buffers',
        average=buffers if swapped else weights,
        origin=weights if swapped else buffers,
        steps=iterations if isinstance(iterations, int) else None,
        meta=meta,
        copied=[key for key in weights if key not in partner_of],
        unmatched=unmatched,
        notes={'average in': f'the {average_in}: {reason}'},
    )


def _recounted(meta: dict) -> dict:
    # A save between two iterations lacks the last one in mmcv's counter, and
    # counts the unfinished epoch.
    changes = {'iter': 1, 'epoch': -1}
    counts = {k: meta[k] for k in changes if isinstance(meta.get(k), int)}
    return {**meta, **{k: n + changes[k] for k, n in counts.items()}}


def _pair(state: StateDict) -> tuple[dict[str, str], list[str]]:
    """Map buffers to their names; list those of no or several names."""
    owners = defaultdict(list)
    for key in state:
        owners[_PREFIX + key.replace('.', '_')].append(key)
    pairs, unmatched = {}, []
    for key, value in state.items():
        if not key.startswith(_PREFIX) or '.' in key:
            continue
        fitting = [k for k in owners[key] if _alike(value, state[k])]
        if len(fitting) == 1:
            pairs[key] = fitting[0]
        elif fitting:
            names = ' and '.join(fitting)
            unmatched.append(f'{key}: may belong to {names}')
        else:
            unmatched.append(f'{key}: no weight of that name and shape')
    return pairs, unmatched


def _alike(first: object, second: object) -> bool:
    both = isinstance(first, Tensor) and isinstance(second, Tensor)
    return both and first.shape == second.shape  # type: ignore
