"""What is counted instead of timed: bytes, synchronisations, graphs."""

import gc
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Optional

import torch
from torch._dynamo.utils import counters
from torch.profiler import ProfilerActivity, profile

from .rows import Subject

__all__ = [
    'Count',
    'allocated',
    'compiled_graphs',
    'make_count',
    'synchronisations',
]


@dataclass(frozen=True)
class Count:
    """One number without noise.

    Attributes:
        device (str): As in :class:`Subject`, and so on.
        what (str): What was counted.
        contestant (str): In whose work.
        value (float): The number.
        unit (str): Of what.
        reference (float, optional): What it is compared with.
    """

    device: str
    dtype: str
    model: str
    tensors: int
    megabytes: float
    what: str
    contestant: str
    value: float
    unit: str
    reference: Optional[float] = None


def make_count(
    subject: Subject,
    what: str,
    contestant: str,
    value: float,
    unit: str = 'bytes',
    reference: Optional[float] = None,
) -> Count:
    """Return a count of a model."""
    return Count(
        **vars(subject),
        what=what,
        contestant=contestant,
        value=value,
        unit=unit,
        reference=reference,
    )


def allocated(call: Callable[[], Any], device: str) -> tuple[int, int]:
    """Find what a call allocates, as torch's allocator reports it.

    Args:
        call (Callable): The call.
        device (str): The device whose memory counts.

    Returns:
        tuple[int, int]: Bytes at the peak, and those still held at the
        end, both above the start.
    """
    gc.collect()  # What it frees must not count.
    if device == 'cuda':
        torch.cuda.synchronize()
        torch.cuda.reset_peak_memory_stats()
        start = torch.cuda.memory_allocated()
        kept = call()
        torch.cuda.synchronize()
        peak = torch.cuda.max_memory_allocated() - start
        held = torch.cuda.memory_allocated() - start
        del kept
        return peak, held
    activities = [ProfilerActivity.CPU]
    gc.disable()
    try:
        with profile(activities=activities, profile_memory=True) as profiler:
            kept = call()
    finally:
        gc.enable()
    now = peak = 0
    for change in _memory_changes(profiler):
        now += change
        peak = max(peak, now)
    del kept
    return peak, now


def synchronisations(call: Callable[[], Any]) -> int:
    """Count how often the host waits for the GPU.

    Args:
        call (Callable): The call.

    Returns:
        int: Warnings of ``torch.cuda.set_sync_debug_mode``.
    """
    torch.cuda.synchronize()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter('always')
        torch.cuda.set_sync_debug_mode('warn')
        try:
            call()
        finally:
            torch.cuda.set_sync_debug_mode('default')
    return sum('synchroniz' in str(warning.message) for warning in caught)


def compiled_graphs(call: Callable[[], Any]) -> int:
    """Count the graphs that torch.compile makes: the fewer, the better.

    Args:
        call (Callable): The call; it compiles something.

    Returns:
        int: Graphs, more of them after graph breaks and recompilations.
    """
    torch._dynamo.reset()
    counters.clear()
    call()
    return counters['stats']['unique_graphs']


def _memory_changes(profiler: Any) -> list[int]:
    """List allocations (positive) and releases in the order of time."""
    events = [
        event
        for event in profiler.profiler.kineto_results.events()
        if event.name() == '[memory]'
    ]
    events.sort(key=lambda event: event.start_ns())
    return [event.nbytes() for event in events]
