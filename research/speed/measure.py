"""Times of several contestants, taken in turns."""

import gc
import random
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import torch

__all__ = [
    'Contestant',
    'Pace',
    'Samples',
    'interleaved',
    'per_iteration',
    'warmed',
]

Samples = dict[str, list[float]]


def _nothing() -> None:
    """Do nothing."""


@dataclass
class Contestant:
    """One way to do a thing.

    Attributes:
        name (str): What the tables call it.
        call (Callable): What is timed.
        before (Callable): Runs before every call, and is not timed.
    """

    name: str
    call: Callable[[], Any]
    before: Callable[[], Any] = _nothing


@dataclass(frozen=True)
class Pace:
    """How long to measure.

    Attributes:
        rounds (int): Samples of each contestant.
        seconds (float): After this many seconds no new round begins...
        least (int): ... unless there are fewer rounds than this.
        warm_ups (int): Calls before them that are not timed.
        clock (str): 'wall'; or 'cpu' for the time that this process
            computes, without its waits for a core or a disk, which is the
            same for one thread on an idle machine. Not for GPUs.
    """

    rounds: int
    seconds: float = 30.0
    least: int = 3
    warm_ups: int = 3
    clock: str = 'wall'


def warmed(
    contestants: Iterable[Contestant], failures: dict[str, str], times: int
) -> list[Contestant]:
    """Run contestants a few times, and leave out those that fail.

    Args:
        contestants (Iterable[Contestant]): All.
        failures (dict): Names to reasons; new ones are added.
        times (int): Calls of each.

    Returns:
        list[Contestant]: Those that work.
    """
    working = []
    for contestant in contestants:
        try:
            for _ in range(times):
                contestant.before()
                contestant.call()
        except Exception as error:  # Foreign code: anything can happen.
            text = str(error).split('\n')[0]
            failures[contestant.name] = f'{type(error).__name__}: {text}'
        else:
            working.append(contestant)
    return working


def interleaved(
    contestants: list[Contestant], pace: Pace, device: str = 'cpu'
) -> Samples:
    """Time contestants in turns, in a new random order each round.

    So the noise of the machine hits all alike, and nobody always finds the
    caches as the same other contestant left them. The garbage collector
    works between the rounds only.

    Args:
        contestants (list[Contestant]): Who takes part, warmed up.
        pace (Pace): How long.
        device (str): Where the work is done. Defaults to 'cpu'.

    Returns:
        Samples: Names to milliseconds, one per round, in the order of the
        rounds.
    """
    clock = _cuda_ms if device == 'cuda' else _CLOCKS[pace.clock]
    samples: Samples = {contestant.name: [] for contestant in contestants}
    order, shuffle = list(contestants), random.Random(0).shuffle
    start = time.perf_counter()
    gc.collect()
    gc.disable()
    try:
        for index in range(pace.rounds):
            late = time.perf_counter() - start > pace.seconds
            if late and index >= pace.least:
                break
            shuffle(order)
            for contestant in order:
                contestant.before()
                samples[contestant.name].append(clock(contestant.call))
            gc.collect(0)
    finally:
        gc.enable()
    return samples


def per_iteration(samples: Samples, iterations: int) -> Samples:
    """Divide samples of several iterations each by their number."""
    return {k: [ms / iterations for ms in v] for k, v in samples.items()}


def _wall_ms(call: Callable[[], Any]) -> float:
    start = time.perf_counter_ns()
    call()
    return (time.perf_counter_ns() - start) / 1e6


def _cpu_ms(call: Callable[[], Any]) -> float:
    start = time.process_time_ns()
    call()
    return (time.process_time_ns() - start) / 1e6


def _cuda_ms(call: Callable[[], Any]) -> float:
    """Time on the current stream, waits for the host included."""
    start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    torch.cuda.synchronize()
    start.record()
    call()
    end.record()
    torch.cuda.synchronize()
    return start.elapsed_time(end)


_CLOCKS = {'wall': _wall_ms, 'cpu': _cpu_ms}
