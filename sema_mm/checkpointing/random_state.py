"""The random number generators: their states, kept and restored."""

import contextlib
import random
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

__all__ = ['get_random_state', 'preserve_random_state', 'set_random_state']


def get_random_state() -> dict[str, Any]:
    """Return the states of Python, NumPy and torch on this rank."""
    python = random.getstate()
    numpy: Any = np.random.get_state()
    name, keys, *rest = numpy
    state = {
        'python': [python[0], list(python[1]), python[2]],
        'numpy': [name, torch.from_numpy(keys.astype(np.int64)), *rest],
        'torch': torch.get_rng_state(),
    }
    if torch.cuda.is_available() and torch.cuda.is_initialized():
        state['cuda'] = torch.cuda.get_rng_state()
    return state


def set_random_state(state: dict[str, Any]) -> None:
    """Restore what :func:`get_random_state` returned."""
    version, internal, gauss = state['python']
    random.setstate((version, tuple(internal), gauss))
    name, keys, *rest = state['numpy']
    np.random.set_state((name, keys.cpu().numpy().astype(np.uint32), *rest))
    torch.set_rng_state(state['torch'].cpu())
    if 'cuda' in state and torch.cuda.is_available():
        torch.cuda.set_rng_state(state['cuda'].cpu())


@contextlib.contextmanager
def preserve_random_state() -> Iterator[None]:
    """Restore every random number generator at the end."""
    state = get_random_state()
    try:
        yield
    finally:
        set_random_state(state)
