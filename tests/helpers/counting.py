"""Counts of what a call does, which no clock can blur."""

import collections
import gc
import sys

from torch.profiler import ProfilerActivity, profile
from torch.utils._python_dispatch import TorchDispatchMode


class _Operators(TorchDispatchMode):
    """Counts the operators that Python calls, by name."""

    def __init__(self):
        super().__init__()
        self.counts = collections.Counter()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.counts[func.overloadpacket.__name__] += 1
        return func(*args, **(kwargs or {}))


def operators(call):
    """Return how often a call calls which operator."""
    with _Operators() as mode:
        call()
    return mode.counts


def instructions(call):
    """Return how many instructions Python's interpreter runs in a call.

    Loops inside of C code (``map`` over a C function, a comparison of
    lists) are one instruction, however long the lists.
    """
    count = 0

    def trace(frame, event, argument):
        nonlocal count
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        count += event == 'opcode'
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        call()
    finally:
        sys.settrace(before)
    return count


def allocations(call):
    """Return a call's peak of new bytes on the CPU, and those it leaves."""
    gc.collect()
    gc.disable()
    try:
        with profile(
            activities=[ProfilerActivity.CPU], profile_memory=True
        ) as profiler:
            kept = call()
    finally:
        gc.enable()
    events = profiler.profiler.kineto_results.events()
    changes = [e for e in events if e.name() == '[memory]']
    changes.sort(key=lambda event: event.start_ns())
    now = peak = 0
    for change in changes:
        now += change.nbytes()
        peak = max(peak, now)
    del kept
    return peak, now
