"""The average in mmengine's checkpoint format.

A checkpoint's ``state_dict`` holds the averaged model, ready for inference;
``ema_state_dict`` holds the weights that training goes on with, under
``module.<key>``, and the number of updates under ``steps``. What is equal
is one tensor in both, and so is stored once by ``torch.save``.
"""

import copy
from collections.abc import Mapping
from typing import TYPE_CHECKING, Optional, TypeVar

import torch
from torch import Tensor

from ..sharding.model_tensors import bare_name
from .functional import bit_equal, copy_

if TYPE_CHECKING:
    from .switch_ema import SwitchEMA

__all__ = [
    'average_state_dict',
    'averaged_shapes',
    'load',
    'pack',
    'prefixed',
    'save',
    'stripped',
    'unpack',
]

_PREFIX = 'module.'
_STEPS = 'steps'
T = TypeVar('T')


def prefixed(state: Mapping[str, T]) -> dict[str, T]:
    """Put ``module.`` before the keys, as in ``ema_state_dict``."""
    return {_PREFIX + key: value for key, value in state.items()}


def stripped(key: str) -> str:
    """Take ``module.`` and the marks of wrapped sub-modules off a key."""
    return bare_name(key).removeprefix(_PREFIX)


def average_state_dict(average: 'SwitchEMA') -> dict[str, Tensor]:
    """Return the state dict of a model that holds the average.

    Call it on every rank, where the backend is sharded.

    Args:
        average (SwitchEMA): The average of the model.

    Returns:
        Dict[str, Tensor]: Bare keys of the model to whole tensors; what is
        not averaged is the model's. Sharded backends give them as their
        ``state_dict`` does.

    Raises:
        RuntimeError: If the model holds the average, and is sharded.
    """
    backend = average.backend
    if backend.sharded:
        with average.swapped(backend.outer):
            return backend.state_dict()
    names, now = _names_of_keys(average), average.average_now()
    return {
        key: _own_memory(now[names[key]]) if key in names else tensor
        for key, tensor in backend.state_dict().items()
    }


def averaged_shapes(average: 'SwitchEMA') -> dict[str, torch.Size]:
    """Return which keys of the model's state dict are averaged.

    Call it on every rank, where the backend is sharded.

    Args:
        average (SwitchEMA): The average of the model.

    Returns:
        Dict[str, Size]: Bare keys to the shapes of the whole tensors.
    """
    now = average.average_now()
    if not average.backend.sharded:
        names = _names_of_keys(average)
        return {key: now[name].shape for key, name in names.items()}
    buffers = {bare_name(name) for name, _ in average.model.named_buffers()}
    return {
        key: shape
        for key, shape in average.backend.shapes().items()
        if key not in buffers or key in now
    }


def save(average: 'SwitchEMA', destination: dict, prefix: str) -> None:
    """Write ``module.<key>`` and ``steps`` into a state dict.

    Args:
        average (SwitchEMA): The average.
        destination (dict): The state dict, changed in place.
        prefix (str): What its keys start with.
    """
    state = prefixed(average_state_dict(average))
    state[_STEPS] = torch.tensor(average.steps)
    destination.update((prefix + key, value) for key, value in state.items())


def load(
    average: 'SwitchEMA', state_dict: dict, prefix: str
) -> tuple[list[str], list[str], list[str]]:
    """Read what :func:`save` writes; what is not averaged is the model's.

    Args:
        average (SwitchEMA): The average, changed in place.
        state_dict (dict): The state dict.
        prefix (str): What its keys start with.

    Returns:
        Tuple[List[str], List[str], List[str]]: Missing keys; unexpected
        keys; errors.
    """
    start = prefix + _PREFIX
    missing: list[str] = []
    errors: list[str] = []
    values: dict[str, Tensor] = {}
    for key, shape in averaged_shapes(average).items():
        value = state_dict.get(start + key)
        if value is None:
            missing.append(start + key)
        elif value.shape != shape:
            errors.append(
                f'{start}{key} has shape {tuple(value.shape)} in the '
                f'state dict and {tuple(shape)} in the model'
            )
        else:
            values[key] = value
    _write(average, values)
    steps = prefix + _STEPS
    if steps in state_dict:
        average.steps = int(state_dict[steps])
    else:
        missing.append(steps)
    known = {steps, *(start + key for key in average.backend.shapes())}
    unexpected = [
        key
        for key in state_dict
        if key.startswith(prefix) and key not in known
    ]
    return missing, unexpected, errors


def pack(
    average: 'SwitchEMA',
    state_dict: dict[str, Tensor],
    whole: Optional[dict[str, Tensor]] = None,
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Put the average into a checkpoint's state dict.

    An average that has seen no update yet is the model itself. Weights of
    the model that are not finite are replaced by their average.

    Args:
        average (SwitchEMA): The average of the model; the model may hold it
            at this moment.
        state_dict (Dict[str, Tensor]): The model's state dict, of whole
            tensors; it is not changed.
        whole (Dict[str, Tensor], optional): The average's state dict, for a
            model of which a rank holds only parts. Defaults to None.

    Returns:
        Tuple[Dict[str, Tensor], Dict[str, Tensor]]: The new ``state_dict``
        and ``ema_state_dict``, on the CPU.
    """
    begun = average.steps > 0
    state_dict = _unwrapped(state_dict, average)
    if whole is None:
        names = _names_of_keys(average)
        averages, own = average.average_now(), average.model_now()
        pairs = {n: _pair(averages[n], own[n], begun) for n in own}
    else:
        names = {bare_name(key): key for key in state_dict}
        pairs = {
            key: _pair(whole[name], state_dict[key], begun)
            for name, key in names.items()
        }
    averaged = _like(state_dict)
    training: dict[str, Tensor] = {}
    for key, tensor in state_dict.items():
        name = _match(key, names)
        averaged[key], training[_PREFIX + key] = (
            (tensor, tensor) if name is None else pairs[name]
        )
    training[_STEPS] = torch.tensor(average.steps)
    return averaged, training


def unpack(
    state_dict: dict[str, Tensor], ema_state_dict: dict[str, Tensor]
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Take the average out of a checkpoint: the reverse of :func:`pack`.

    Args:
        state_dict (Dict[str, Tensor]): The averaged model.
        ema_state_dict (Dict[str, Tensor]): The weights of training.

    Returns:
        Tuple[Dict[str, Tensor], Dict[str, Tensor]]: The model's state dict
        to go on training with; the state dict of :class:`SwitchEMA`.
    """
    training = _like(state_dict)
    averaged = {}
    for key, tensor in state_dict.items():
        training[key] = ema_state_dict.get(_PREFIX + key, tensor)
        averaged[_PREFIX + stripped(key)] = tensor
    averaged[_STEPS] = ema_state_dict.get(_STEPS, torch.tensor(0))
    return training, averaged


def _like(state_dict: dict[str, Tensor]) -> dict[str, Tensor]:
    """Make an empty state dict, with the versions that torch put in."""
    empty = copy.copy(state_dict)
    empty.clear()
    return empty


def _names_of_keys(average: 'SwitchEMA') -> dict[str, str]:
    """Map bare keys, several for a tied tensor, to the averages' names."""
    names = {id(tensor): name for name, tensor in average.tensors().items()}
    state = average.model.state_dict(keep_vars=True)
    return {
        bare_name(key): names[id(tensor)]
        for key, tensor in state.items()
        if id(tensor) in names
    }


def _write(average: 'SwitchEMA', values: dict[str, Tensor]) -> None:
    """Write whole tensors into the averages."""
    backend = average.backend
    if backend.sharded:
        with average.swapped(backend.outer):
            backend.load_state_dict(values)
        return
    names, now = _names_of_keys(average), average.average_now()
    for key, value in values.items():
        copy_([now[names[key]]], [value])


def _own_memory(average: Tensor) -> Tensor:
    """Copy a view of joined averages, as all bytes of its base are saved."""
    alone = average._base is None
    return average.detach() if alone else average.detach().clone()


def _unwrapped(
    state_dict: dict[str, Tensor], average: 'SwitchEMA'
) -> dict[str, Tensor]:
    """Take off the prefix that mmengine's DDPStrategy leaves on all keys."""
    wrapped = average.backend.outer is not average.model
    if not wrapped or not all(key.startswith(_PREFIX) for key in state_dict):
        return state_dict
    bare = _like(state_dict)
    for key, tensor in state_dict.items():
        bare[key.removeprefix(_PREFIX)] = tensor
    return bare


def _match(key: str, names: dict[str, str]) -> Optional[str]:
    """Find the average's name for a key, whatever wraps the model."""
    key = bare_name(key)
    if key not in names and key.startswith(_PREFIX):
        key = key.removeprefix(_PREFIX)
    return names.get(key)


def _pair(average: Tensor, own: Tensor, begun: bool) -> tuple[Tensor, Tensor]:
    """Average and training weights on the CPU, one tensor where equal."""
    average, own = average.detach().cpu(), own.detach().cpu()
    if not own.isfinite().all():
        return average, average
    if not begun:
        return own, own
    if bit_equal(average.to(own.dtype), own):
        return average, average
    return average, own
