"""What is timed and counted for each model."""

import functools
import gc
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from torch import nn

from sema_mm.averaging.switch_ema import SwitchEMA

from .counts import allocated, compiled_graphs, make_count, synchronisations
from .floors import Floors
from .measure import (
    Contestant,
    Pace,
    Samples,
    interleaved,
    per_iteration,
    warmed,
)
from .models import trainable
from .peers import BARE, OURS, STEPS, arithmetic, ema_pytorch
from .results import Results
from .rows import Subject, make_rows
from .runners import HOOKS, MMENGINE_HOOK, NONE, OUR_HOOK, Stand

__all__ = ['OVERHEAD', 'Bench']

AVERAGING = (MMENGINE_HOOK, OUR_HOOK)
#: The hook on a model that has next to nothing to average.
OVERHEAD = 'hook, one tensor'
#: Iterations of one sample on a GPU, so that work can overlap.
BLOCK = 10


@dataclass(repr=False)
class Bench:
    """Measures one model, and adds to the results.

    Attributes:
        subject (Subject): What the rows call it.
        model (nn.Module): The model, on its device.
        batch (dict): One image to train it on.
        pace (Pace): How long to measure.
        folder (Path): Where runners may write.
        results (Results): Where the findings go.
    """

    subject: Subject
    model: nn.Module
    batch: dict[str, Any]
    pace: Pace
    folder: Path
    results: Results

    def steps(self, names: tuple[str, ...] = tuple(STEPS)) -> None:
        """Time one averaging step of the named contestants and the floors."""
        floors = Floors(self.model).lerp()
        built = self._built({name: STEPS[name] for name in names})
        self._time('step', [*floors, *built])

    def switches(self) -> None:
        """Time the switch: alone, and with all of the hook's work."""
        average = SwitchEMA(self.model, 0.001)
        stand = self._stand(OUR_HOOK)
        peers = {'ema-pytorch': lambda m: ema_pytorch(m).update_model_with_ema}
        contestants = [
            *Floors(self.model).copy(),
            *self._built(peers),
            Contestant(OURS, lambda: average.switch_parameters(self.model)),
            Contestant(OUR_HOOK, stand.switch, stand.step_and_average),
        ]
        self._time('switch', contestants)

    def hooks(self) -> None:
        """Time what the hooks do in an iteration, and in a validation."""
        stands = {name: self._stand(name) for name in AVERAGING}
        floors = Floors(self.model)
        calls = [
            Contestant(name, stand.average, stand.step)
            for name, stand in stands.items()
        ]
        bare = Contestant(BARE, arithmetic(stands[OUR_HOOK].hook.average))
        calls += [*floors.lerp(), floors.read(), bare]
        samples = self._time('hook', calls)
        rounds = zip(samples[OUR_HOOK], samples[BARE])
        beyond = [hook - arithmetic for hook, arithmetic in rounds]
        self._add('hook beyond the arithmetic', {OUR_HOOK: beyond})
        swaps = [Contestant(n, stand.swap) for n, stand in stands.items()]
        self._time('swap in and out', [*floors.exchange(), *swaps])
        if self.subject.device == 'cuda':
            for name, stand in stands.items():
                waits = synchronisations(stand.step_and_average)
                self._count('synchronisations', name, waits, 'waits', 0)

    def overhead(self) -> None:
        """Time our hook where its arithmetic takes no time."""
        stand = self._stand(OUR_HOOK)
        bare = Contestant(BARE, arithmetic(stand.hook.average))
        hook = Contestant(OUR_HOOK, stand.average, stand.step)
        self._time(OVERHEAD, [hook, bare])

    def iterations(self, rounds: int, compiled: bool = False) -> None:
        """Time whole iterations of a training, compiled or not."""
        block = BLOCK if self.subject.device == 'cuda' else 1
        contestants, graphs = [], {}
        for name in HOOKS:
            stand = self._stand(name, compiled)
            if compiled:
                graphs[name] = compiled_graphs(stand.iterate)
            contestants.append(
                Contestant(name, functools.partial(stand.iterate, block))
            )
        seconds = 2 * self.pace.seconds
        pace = replace(self.pace, rounds=rounds, seconds=seconds, warm_ups=1)
        what = 'iteration (compiled)' if compiled else 'iteration'
        self._time(what, contestants, pace, block)
        for name, number in graphs.items():
            self._count('graphs', name, number, 'graphs', graphs[NONE])

    def checkpoints(self) -> None:
        """Time saving and resuming, and count bytes on disk."""
        stands = {name: self._stand(name) for name in HOOKS}
        for stand in stands.values():
            stand.step_and_average()
            stand.disturb()
        rounds = min(self.pace.rounds, 7)
        pace = replace(self.pace, rounds=rounds, warm_ups=1, clock='wall')
        calls = [Contestant(name, s.save) for name, s in stands.items()]
        self._time('save', calls, pace)
        sizes = {name: s.save().stat().st_size for name, s in stands.items()}
        for name, size in sizes.items():
            self._count('file', name, size, reference=sizes[NONE])
        calls = [Contestant(name, s.resume) for name, s in stands.items()]
        self._time('resume', calls, pace)
        stand = self._stand(OUR_HOOK)
        stand.step_and_average()
        stand.disturb()
        stand.step_and_average()
        stand.switch()
        size = stand.save().stat().st_size
        what = 'file after a switch'
        self._count(what, OUR_HOOK, size, reference=sizes[NONE])

    def memory(self, what: str = 'memory') -> None:
        """Count the bytes that averaging needs beside the model's own."""
        ours = sum(t.numel() * 4 for t in trainable(self.model))
        for name in AVERAGING:
            stand = self._stand(name, started=False)
            peak, held = self._allocated(stand.begin)
            peaks = {'training': peak}
            stand.disturb()
            if name == OUR_HOOK:
                peaks['switch'] = held + self._allocated(stand.switch)[0]
                stand.disturb()
            peaks['swap'] = held + self._allocated(stand.swap)[0]
            for when, peak in peaks.items():
                self._count(f'{what} in {when}', name, peak, reference=ours)

    def _allocated(self, call: Callable[[], Any]) -> tuple[int, int]:
        return allocated(call, self.subject.device)

    def _stand(
        self, name: str, compiled: bool = False, started: bool = True
    ) -> Stand:
        gc.collect()  # Runners are cycles, and hold whole models.
        stand = Stand(name, self.model, self.batch, self.folder, compiled)
        return stand.start() if started else stand

    def _built(
        self, factories: dict[str, Callable[[nn.Module], Callable[[], Any]]]
    ) -> list[Contestant]:
        """Build contestants; those whose package is missing are noted."""
        built = []
        for name, factory in factories.items():
            try:
                built.append(Contestant(name, factory(self.model)))
            except ImportError as error:
                self.results.missing[name] = str(error)
        return built

    def _time(
        self,
        what: str,
        contestants: list[Contestant],
        pace: Any = None,
        iterations: int = 1,
    ) -> Samples:
        subject, failures = self.subject, dict[str, str]()
        pace = pace or self.pace
        ready = warmed(contestants, failures, pace.warm_ups)
        for name, reason in failures.items():
            key = f'{name}: {what} of {subject.model} in {subject.dtype}'
            self.results.missing[key] = reason
        samples = interleaved(ready, pace, subject.device)
        samples = per_iteration(samples, iterations)
        self._add(what, samples)
        return samples

    def _add(self, what: str, samples: Samples) -> None:
        self.results.rows += make_rows(self.subject, what, samples)

    def _count(
        self,
        what: str,
        name: str,
        value: float,
        unit: str = 'bytes',
        reference: Any = None,
    ) -> None:
        count = make_count(self.subject, what, name, value, unit, reference)
        self.results.counts.append(count)
