"""The supported formats of checkpoints, and their readers."""

from collections.abc import Callable, Iterator
from typing import Optional

from ..averaging.checkpoint_format import prefixed, unpack
from . import ema_buffers
from .found import Found
from .state_dicts import StateDict, is_state_dict, unwrapped, without_prefix

#: Where libraries put the weights of a model; '' is the file itself.
_PLACES = ('state_dict', 'model', 'model_state_dict', 'model_state', '')


def read_format(
    checkpoint: dict,
    kind: str = 'auto',
    file: str = '',
    average_in: str = 'auto',
) -> Found:
    """Find the weights in a checkpoint.

    Args:
        checkpoint (dict): The checkpoint.
        kind (str): Its format, a key of :data:`FORMATS`, or 'auto'.
        file (str): As for :func:`ema_buffers.split`. Defaults to ''.
        average_in (str): Likewise. Defaults to 'auto'.

    Returns:
        Found: The weights.

    Raises:
        ValueError: If it is not of that format, or of no supported one.
    """
    if kind == 'auto':
        fitting = [name for name in FORMATS if FORMATS[name][0](checkpoint)]
        if not fitting:
            raise ValueError(
                'the file holds no state dict that is known here; it holds '
                f'{", ".join(map(str, list(checkpoint)[:8])) or "nothing"}'
            )
        kind = fitting[0]
    matches, read = FORMATS[kind]
    if not matches(checkpoint):
        raise ValueError(
            f'the file is not of the format --from {kind}: leave it out to '
            'have the format recognised'
        )
    options = (file, average_in) if kind == 'mmcv' else ()
    found = read(checkpoint, *options)
    found.complete()
    return found


def _dicts(checkpoint: dict) -> Iterator[tuple[str, StateDict]]:
    """List the state dicts in a checkpoint, itself included."""
    for place, value in {'': checkpoint, **checkpoint}.items():
        if is_state_dict(value):
            yield str(place), value


def _weights(checkpoint: dict) -> tuple[str, Optional[StateDict]]:
    """Find the model's weights, and their place."""
    dicts = dict(_dicts(checkpoint))
    for place in _PLACES:
        if place in dicts:
            return place, unwrapped(dicts[place])
    return '', None


def _rest(checkpoint: dict, *places: str) -> list[str]:
    """List the entries of a checkpoint that are not used."""
    used = {*places, 'meta'}
    return [] if '' in used else [str(k) for k in checkpoint if k not in used]


def _is_mmengine(checkpoint: dict) -> bool:
    names = ('state_dict', 'ema_state_dict')
    return all(is_state_dict(checkpoint.get(name)) for name in names)


def _read_mmengine(checkpoint: dict) -> Found:
    state, other = checkpoint['state_dict'], checkpoint['ema_state_dict']
    origin, _ = unpack(state, other)
    used = {'state_dict', 'ema_state_dict', 'meta'}
    steps = other.get('steps')
    known = prefixed(state).keys() | {'steps'}
    return Found(
        'mmengine, with the origin in ema_state_dict',
        average=state,
        origin=origin,
        steps=None if steps is None else int(steps),
        meta=checkpoint.get('meta') or {},
        kept={k: v for k, v in checkpoint.items() if k not in used},
        unmatched=[
            f'ema_state_dict/{key}: state_dict has no such name'
            for key in other
            if key not in known
        ],
    )


def _is_timm(checkpoint: dict) -> bool:
    return is_state_dict(checkpoint.get('state_dict_ema'))


def _read_timm(checkpoint: dict) -> Found:
    place, origin = _weights(checkpoint)
    return Found(
        'timm, with the average in state_dict_ema',
        average=unwrapped(checkpoint['state_dict_ema']),
        origin=origin,
        meta=checkpoint.get('meta') or {},
        left_out=_rest(checkpoint, 'state_dict_ema', place),
    )


def _is_ema_pytorch(checkpoint: dict) -> bool:
    return _named(checkpoint, 'step', 'ema_model.') is not None


def _read_ema_pytorch(checkpoint: dict) -> Found:
    place, state = _named(checkpoint, 'step', 'ema_model.') or ('', {})
    used = ('ema_model.', 'online_model.')
    origin = unwrapped(without_prefix(state, 'online_model.'))
    found = Found(
        'ema-pytorch, with the average in ema_model',
        average=unwrapped(without_prefix(state, 'ema_model.')),
        origin=origin or None,
        steps=int(state['step']),
        meta=checkpoint.get('meta') or {},
        left_out=_rest(checkpoint, place),
    )
    for key in state:
        if not key.startswith(used) and key not in ('initted', 'step'):
            found.unmatched.append(f'{key}: neither of the two models')
    if not state.get('initted', True):
        found.notes['initted'] = 'False: averaging had not begun yet'
    return found


def _is_torch(checkpoint: dict) -> bool:
    return _named(checkpoint, 'n_averaged', 'module.') is not None


def _read_torch(checkpoint: dict) -> Found:
    place, state = _named(checkpoint, 'n_averaged', 'module.') or ('', {})
    average = unwrapped(without_prefix(state, 'module.'))
    others = {k: v for k, v in checkpoint.items() if k != place}
    own, origin = _weights(others) if place else ('', None)
    found = Found(
        "torch's AveragedModel",
        average=average,
        origin=origin,
        steps=int(state['n_averaged']),
        meta=checkpoint.get('meta') or {},
        left_out=_rest(checkpoint, place, own if origin else place),
    )
    for key in state:
        if not key.startswith('module.') and key != 'n_averaged':
            found.unmatched.append(f'{key}: not in the averaged module')
    return found


def _named(
    checkpoint: dict, counter: str, prefix: str
) -> Optional[tuple[str, StateDict]]:
    """Find the state dict with a counter and with names of a prefix."""
    for place, state in _dicts(checkpoint):
        if counter in state and any(k.startswith(prefix) for k in state):
            return place, state
    return None


def _is_mmcv(checkpoint: dict) -> bool:
    state = _weights(checkpoint)[1]
    return state is not None and ema_buffers.has_buffers(state)


def _read_mmcv(checkpoint: dict, file: str, average_in: str) -> Found:
    place, state = _weights(checkpoint)
    meta = checkpoint.get('meta') or {}
    found = ema_buffers.split(state or {}, meta, file, average_in)
    found.left_out = [
        name for name in _rest(checkpoint, place) if name != 'optimizer'
    ]
    if 'optimizer' in checkpoint and place:
        found.kept['optimizer'] = checkpoint['optimizer']
    return found


def _is_plain(checkpoint: dict) -> bool:
    return _weights(checkpoint)[1] is not None


def _read_plain(checkpoint: dict) -> Found:
    place, state = _weights(checkpoint)
    return Found(
        'weights without an average',
        origin=state,
        meta=checkpoint.get('meta') or {},
        left_out=_rest(checkpoint, place),
    )


#: Formats by name: whether a checkpoint is of it, and its reader. The first
#: that fits is taken.
FORMATS: dict[str, tuple[Callable, Callable]] = {
    'mmengine': (_is_mmengine, _read_mmengine),
    'timm': (_is_timm, _read_timm),
    'ema-pytorch': (_is_ema_pytorch, _read_ema_pytorch),
    'torch': (_is_torch, _read_torch),
    'mmcv': (_is_mmcv, _read_mmcv),
    'plain': (_is_plain, _read_plain),
}
