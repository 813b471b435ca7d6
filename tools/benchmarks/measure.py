"""Times of several contestants, taken in turns, and their summaries."""

import gc
import random
import statistics
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Optional

import torch

__all__ = [
    'FLAT',
    'FOREACH',
    'Contestant',
    'Pace',
    'Row',
    'Samples',
    'Subject',
    'interleaved',
    'make_rows',
    'per_iteration',
    'warmed',
]

#: The floors, which every other contestant is compared with.
FOREACH = 'floor: raw foreach'
FLAT = 'floor: one flat call'

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
        seconds (float): After so many seconds no new round begins...
        least (int): ... unless there are fewer rounds than this.
    """

    rounds: int
    seconds: float = 20.0
    least: int = 3


@dataclass(frozen=True)
class Subject:
    """What is measured, in the first columns of every row.

    Attributes:
        device (str): 'cpu' or 'cuda'.
        dtype (str): Of the model: 'float32' or 'bfloat16'.
        model (str): Its name.
        tensors (int): Number of its trainable tensors.
        megabytes (float): Their size, 1e6 bytes.
    """

    device: str
    dtype: str
    model: str
    tensors: int
    megabytes: float


@dataclass(frozen=True)
class Row:
    """Summary of the samples of one contestant, times in milliseconds.

    Attributes:
        device (str): As in :class:`Subject`, and so on.
        what (str): What was done.
        contestant (str): How, or by whom.
        n (int): Number of samples.
        ratio_to_foreach (float, optional): Median over that of the floor
            with raw foreach calls, where there is one.
        ratio_to_flat (float, optional): The same for one flat call.
    """

    device: str
    dtype: str
    model: str
    tensors: int
    megabytes: float
    what: str
    contestant: str
    n: int
    median_ms: float
    q25_ms: float
    q75_ms: float
    min_ms: float
    ratio_to_foreach: Optional[float] = None
    ratio_to_flat: Optional[float] = None


def warmed(
    contestants: Iterable[Contestant], failures: dict[str, str], times: int = 3
) -> list[Contestant]:
    """Run contestants a few times, and leave out those that fail.

    Args:
        contestants (Iterable[Contestant]): All.
        failures (dict): Names to reasons; new ones are added.
        times (int): Calls of each. Defaults to 3.

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
    clock = _cuda_ms if device == 'cuda' else _cpu_ms
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
    """Divide samples of several iterations each.

    Args:
        samples (Samples): The samples.
        iterations (int): How many iterations each of them took.

    Returns:
        Samples: Milliseconds of one iteration.
    """
    return {k: [ms / iterations for ms in v] for k, v in samples.items()}


def make_rows(subject: Subject, what: str, samples: Samples) -> list[Row]:
    """Sum up samples.

    Args:
        subject (Subject): What was measured.
        what (str): What was done.
        samples (Samples): Names of contestants to milliseconds.

    Returns:
        list[Row]: One for each contestant.
    """
    medians = {k: statistics.median(v) for k, v in samples.items() if v}

    def ratio(name: str, floor: str) -> Optional[float]:
        return medians[name] / medians[floor] if floor in medians else None

    rows = []
    for name, median in medians.items():
        values = samples[name]
        low, _, high = (
            statistics.quantiles(values, n=4, method='inclusive')
            if len(values) > 1
            else [median] * 3
        )
        rows.append(
            Row(
                **vars(subject),
                what=what,
                contestant=name,
                n=len(values),
                median_ms=median,
                q25_ms=low,
                q75_ms=high,
                min_ms=min(values),
                ratio_to_foreach=ratio(name, FOREACH),
                ratio_to_flat=ratio(name, FLAT),
            )
        )
    return rows


def _cpu_ms(call: Callable[[], Any]) -> float:
    start = time.perf_counter_ns()
    call()
    return (time.perf_counter_ns() - start) / 1e6


def _cuda_ms(call: Callable[[], Any]) -> float:
    """Time on the current stream, waits for the host included."""
    start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    torch.cuda.synchronize()
    start.record()
    call()
    end.record()
    torch.cuda.synchronize()
    return start.elapsed_time(end)
