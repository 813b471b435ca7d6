"""Comparison of nested states bit for bit, without any tolerance."""

from collections.abc import Iterator
from typing import Any

import torch


def differences(one: Any, other: Any, place: str = '') -> Iterator[str]:
    """Yield the places at which two nested states differ."""
    if type(one) is not type(other):
        yield f'{place}: {type(one).__name__}, {type(other).__name__}'
    elif isinstance(one, torch.Tensor):
        if one.dtype != other.dtype or one.shape != other.shape:
            yield f'{place}: {one.dtype} {one.shape}, {other.dtype}'
        elif not torch.equal(one, other):
            yield f'{place}: {(one.double() - other.double()).abs().max():g}'
    elif isinstance(one, dict):
        if set(one) != set(other):
            yield f'{place}: keys {sorted(map(str, set(one) ^ set(other)))}'
        for key in one:
            if key in other:
                yield from differences(one[key], other[key], f'{place}/{key}')
    elif isinstance(one, (list, tuple)):
        if len(one) != len(other):
            yield f'{place}: length {len(one)}, {len(other)}'
        for index, pair in enumerate(zip(one, other)):
            yield from differences(*pair, f'{place}/{index}')
    elif one != other:
        yield f'{place}: {one!r}, {other!r}'


def assert_same(one: Any, other: Any) -> None:
    """Fail with the first places at which two states differ."""
    found = list(differences(one, other))
    assert not found, f'{len(found)} differences: ' + '; '.join(found[:5])


def assert_differ(one: Any, other: Any) -> None:
    """Fail if two states are the same."""
    assert list(differences(one, other)), 'the states do not differ'


def frozen(state: Any) -> Any:
    """Copy a nested state, so that later training cannot change it."""
    if isinstance(state, torch.Tensor):
        return state.detach().clone()
    if isinstance(state, dict):
        return {key: frozen(value) for key, value in state.items()}
    if isinstance(state, (list, tuple)):
        return type(state)(frozen(value) for value in state)
    return state
