"""Runs an update on a GPU beside the training."""

import contextlib
from collections.abc import Iterable, Iterator

import torch

__all__ = ['SideStream']


class SideStream:
    """One more stream for each GPU. Experimental: not run on a GPU yet.

    Work on it waits for the work before, and runs together with the next
    forward and backward pass. Call :meth:`join` before the weights are
    changed or the averages are read.

    Args:
        devices (Iterable[torch.device]): Devices of the weights; only GPUs
            have a stream, all else runs at once.
    """

    def __init__(self, devices: Iterable[torch.device]) -> None:
        self.devices = set(devices)
        self._streams = [
            torch.cuda.Stream(d) for d in self.devices if d.type == 'cuda'
        ]
        self._running = False

    @property
    def is_used(self) -> bool:
        """bool: Whether any device has a stream."""
        return bool(self._streams)

    @contextlib.contextmanager
    def beside(self) -> Iterator[None]:
        """Use the side streams in the context."""
        with contextlib.ExitStack() as stack:
            for stream in self._streams:
                stream.wait_stream(torch.cuda.current_stream(stream.device))
            for stream in self._streams:
                stack.enter_context(torch.cuda.stream(stream))
            self._running = True
            yield

    def join(self) -> None:
        """Make the current streams wait, on their devices, for the others."""
        if not self._running:
            return
        for stream in self._streams:
            torch.cuda.current_stream(stream.device).wait_stream(stream)
        self._running = False
