"""Operations on state dicts that keep torch's version metadata."""

from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

StateDict = dict[str, Any]

#: Marks of data parallelism and compilation in names.
_PARALLEL, _COMPILED = 'module.', '_orig_mod.'


def is_state_dict(value: Any) -> bool:
    """Return whether an object is the state dict of a model.

    Args:
        value (Any): Anything out of a checkpoint.

    Returns:
        bool: Whether it maps names to tensors, and holds nothing nested.
    """
    return (
        isinstance(value, dict)
        and all(isinstance(key, str) for key in value)
        and any(isinstance(item, Tensor) for item in value.values())
        and not any(isinstance(item, dict) for item in value.values())
    )


def renamed(state: StateDict, rename: Callable[[str], str]) -> StateDict:
    """Rename every tensor, and every module's version.

    Args:
        state (StateDict): A state dict; it is not changed.
        rename (callable): From an old name to the new one.

    Returns:
        StateDict: The new state dict, in the same order.

    Raises:
        ValueError: If two tensors would have one name.
    """
    new: Any = OrderedDict()
    for key, value in state.items():
        name = rename(key)
        if name in new:
            raise ValueError(
                f"two tensors would be called '{name}', one of them "
                f"'{key}': give the names as they are with --keep-names"
            )
        new[name] = value
    versions = getattr(state, '_metadata', None)
    if isinstance(versions, dict):
        new._metadata = OrderedDict(
            (rename(f'{module}.')[:-1] if module else module, version)
            for module, version in versions.items()
        )
    return new


def without_prefix(state: StateDict, prefix: str) -> StateDict:
    """Select the tensors whose names start with a prefix, and remove it.

    Args:
        state (StateDict): A state dict; it is not changed.
        prefix (str): What their names start with.

    Returns:
        StateDict: These tensors alone.
    """
    mine: Any = OrderedDict()
    mine.update((k, v) for k, v in state.items() if k.startswith(prefix))
    versions = getattr(state, '_metadata', None)
    if isinstance(versions, dict):
        mine._metadata = OrderedDict(
            (module, version)
            for module, version in versions.items()
            if f'{module}.'.startswith(prefix)
        )
    return renamed(mine, lambda key: key.removeprefix(prefix))


def unwrapped(state: StateDict) -> StateDict:
    """Remove the marks of data parallelism and compilation from names."""
    state = renamed(state, lambda key: key.replace(_COMPILED, ''))
    if all(key.startswith(_PARALLEL) for key in state):
        state = without_prefix(state, _PARALLEL)
    return state


def like(state: StateDict) -> StateDict:
    """Make an empty state dict with the versions of another."""
    empty: Any = OrderedDict()
    versions = getattr(state, '_metadata', None)
    if isinstance(versions, dict):
        empty._metadata = versions
    return empty


def compact(state: StateDict, memo: dict) -> StateDict:
    """Copy tensors that are views of larger ones, which a file would hold.

    Args:
        state (StateDict): A state dict; it is not changed.
        memo (dict): Earlier copies, so that tied tensors stay tied.

    Returns:
        StateDict: Plain tensors, each with a storage of its own size.
    """
    new = like(state)
    for key, value in state.items():
        new[key] = _compact(value, memo) if torch.is_tensor(value) else value
    return new


def _compact(tensor: Tensor, memo: dict) -> Tensor:
    tensor = tensor.detach()
    place = tensor.data_ptr(), tensor.shape, tensor.stride(), tensor.dtype
    whole = tensor.untyped_storage().nbytes() == tensor.nbytes
    if place not in memo or not tensor.numel():
        fits = whole and tensor.is_contiguous()
        memo[place] = tensor if fits else tensor.contiguous().clone()
    return memo[place]
