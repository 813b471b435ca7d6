"""The average in mmengine's checkpoint format.

A checkpoint's ``state_dict`` holds the averaged model, ready for inference;
``ema_state_dict`` holds the weights that training goes on with, under
``module.<key>``, and the number of updates under ``steps``. What is equal
is one tensor in both, and so is stored once by ``torch.save``.
"""

import copy
from typing import Optional

import torch
from torch import Tensor

from ..sharding.model_tensors import bare_name
from .functional import bit_equal
from .switch_ema import SwitchEMA

__all__ = ['pack', 'unpack']

_PREFIX = 'module.'


def pack(
    average: SwitchEMA,
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
        names = average.key_names()
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
    training['steps'] = torch.tensor(average.steps)
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
        bare = key[len(_PREFIX) :] if key.startswith(_PREFIX) else key
        averaged[_PREFIX + bare_name(bare)] = tensor
    averaged['steps'] = ema_state_dict.get('steps', torch.tensor(0))
    return training, averaged


def _like(state_dict: dict[str, Tensor]) -> dict[str, Tensor]:
    """Make an empty state dict, with the versions that torch put in."""
    empty = copy.copy(state_dict)
    empty.clear()
    return empty


def _unwrapped(
    state_dict: dict[str, Tensor], average: SwitchEMA
) -> dict[str, Tensor]:
    """Take off the prefix that mmengine's DDPStrategy leaves on all keys."""
    wrapped = average.backend.outer is not average.model
    if not wrapped or not all(key.startswith(_PREFIX) for key in state_dict):
        return state_dict
    bare = _like(state_dict)
    for key, tensor in state_dict.items():
        bare[key[len(_PREFIX) :]] = tensor
    return bare


def _match(key: str, names: dict[str, str]) -> Optional[str]:
    """Find the average's name for a key, whatever wraps the model."""
    key = bare_name(key)
    if key not in names and key.startswith(_PREFIX):
        key = key[len(_PREFIX) :]
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
