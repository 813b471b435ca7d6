"""Lets a GPU work on an update beside the training."""

import contextlib
from collections.abc import Iterable, Iterator

import torch

__all__ = ['SideStream']


class SideStream:
    """One more stream for each GPU.

    What is started beside reads the weights as the work before has left
    them, and runs together with the next forward and backward pass. What
    changes the weights, or reads the averages, joins before.

    Args:
        devices (Iterable[torch.device]): Where the weights are. Those that
            are no GPU have no streams, and finish what is started at once.
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
        """Start what is done in the context on the side streams."""
        with contextlib.ExitStack() as stack:
            for stream in self._streams:
                stream.wait_stream(torch.cuda.current_stream(stream.device))
            for stream in self._streams:
                stack.enter_context(torch.cuda.stream(stream))
            self._running = True
            yield

    def join(self) -> None:
        """Let the current streams wait, on their devices, for what runs."""
        if not self._running:
            return
        for stream in self._streams:
            torch.cuda.current_stream(stream.device).wait_stream(stream)
        self._running = False
