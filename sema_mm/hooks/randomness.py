"""Random numbers that the training does not notice."""

import contextlib
import random
from collections.abc import Iterator

import numpy as np
import torch

__all__ = ['preserved_randomness']


@contextlib.contextmanager
def preserved_randomness() -> Iterator[None]:
    """Give every random number generator its state back at the end.

    Python's, NumPy's and torch's, on the CPU and on the current GPU.

    Yields:
        None: Nothing.
    """
    python, numpy = random.getstate(), np.random.get_state()
    cuda = torch.cuda.is_available() and torch.cuda.is_initialized()
    devices = [torch.cuda.current_device()] if cuda else []
    try:
        with torch.random.fork_rng(devices=devices):
            yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)
