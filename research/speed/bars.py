"""The bars: how fast, how small, and the measured figure of each."""

from dataclasses import dataclass
from typing import Optional

from .counts import Count
from .findings import Table, counted, fastest_peer, label
from .models import SYNTHETIC
from .peers import BARE, GUARDED, MMENGINE, OURS
from .rows import FLAT, FOREACH, Row
from .runners import MMENGINE_HOOK, NONE, OUR_HOOK
from .suites import OVERHEAD

__all__ = ['Bar', 'judge']

#: Slack of the bars on memory: the larger of a share and of megabytes.
SHARE, SLACK = 0.01, 16e6


@dataclass(frozen=True)
class Bar:
    """One goal and what was reached.

    Attributes:
        device (str): Where it holds: 'cpu', 'cuda' or 'any'.
        goal (str): What is to be reached.
        measured (str): The figure, of the worst model; empty without one.
        met (bool, optional): Whether it is reached; None if not measured.
    """

    device: str
    goal: str
    measured: str = ''
    met: Optional[bool] = None


def judge(rows: list[Row], counts: list[Count]) -> list[Bar]:
    """Compare rows and counts with all bars, measured or not."""
    cpu, cuda = Table(rows, 'cpu'), Table(rows, 'cuda')
    named = ['MobileNetV2', SYNTHETIC]
    gpus = ['ViT-B/16', 'ResNet-50']
    whole, bare = (cpu.medians(OVERHEAD, name) for name in (OUR_HOOK, BARE))
    return [
        _most(
            'cpu',
            'a step takes at most 1.10 x raw foreach',
            cpu.ratios('step', OURS, FOREACH),
            1.10,
        ),
        _least(
            'cpu',
            'no peer takes a step faster (fastest peer over ours)',
            fastest_peer(cpu),
            1.0,
        ),
        _least(
            'cpu',
            'a step is at least 3 x faster than mmengine (MobileNetV2, '
            '5,000 tensors)',
            _only(cpu.ratios('step', MMENGINE, OURS), named),
            3.0,
        ),
        _most(
            'cpu',
            'the hook beyond the arithmetic takes less than 50 microseconds '
            '(warm)',
            {model: 1000 * (whole[model] - bare[model]) for model in bare},
            50.0,
            ' us',
        ),
        _most(
            'cpu',
            'the whole hook with its guard takes at most 1.5 x raw foreach',
            cpu.ratios('hook', OUR_HOOK, FOREACH),
            1.5,
        ),
        _most(
            'cuda',
            'a step takes at most 1.3 x one flat call (ViT-B/16, ResNet-50)',
            _only(cuda.ratios('step', OURS, FLAT), gpus),
            1.3,
        ),
        _most(
            'cuda',
            'the same with the guard: 1.8 x',
            _only(cuda.ratios('step', GUARDED, FLAT), gpus),
            1.8,
        ),
        _least(
            'cuda',
            "the hook is at least 10 x faster than mmengine's (ResNet-50)",
            _only(cuda.ratios('hook', MMENGINE_HOOK, OUR_HOOK), gpus[1:]),
            10.0,
        ),
        _most(
            'cuda',
            'a step never waits for the device',
            counted(counts, 'synchronisations'),
            0.0,
            ' waits',
        ),
        _most(
            'cuda',
            'compiled training makes no more graphs than without averaging',
            counted(counts, 'graphs', over=True),
            1.0,
        ),
        _most(
            'cuda',
            'an iteration takes as long as without averaging (within 1 %)',
            cuda.ratios('iteration', OUR_HOOK, NONE),
            1.01,
        ),
        *_memory_bars(counts),
    ]


def _memory_bars(counts: list[Count]) -> list[Bar]:
    bars = []
    for when in ('training', 'switch', 'swap'):
        found = {
            label(c): c.value / (c.reference + max(SHARE * c.reference, SLACK))
            for c in counts
            if c.what == f'memory in {when}'
            and c.contestant == OUR_HOOK
            and c.reference
        }
        goal = (
            f'extra memory in {when} over its allowance (the averaged '
            'weights plus the larger of 1 % and 16 MB)'
        )
        bars.append(_most('any', goal, found, 1.0))
    frozen = {
        label(c): (c.value - c.reference) / 1e6
        for c in counts
        if c.what == 'frozen memory in training'
        and c.contestant == OUR_HOOK
        and c.reference
    }
    goal = 'frozen weights (100 MB) need no memory'
    bars.append(_most('any', goal, frozen, 0.1, ' MB'))
    goal = 'right after a switch a checkpoint has at most 1.01 x the bytes'
    after = counted(counts, 'file after a switch', over=True)
    return [*bars, _most('any', goal, after, 1.01)]


def _only(found: dict[str, float], names: list[str]) -> dict[str, float]:
    return {name: found[name] for name in names if name in found}


def _most(
    device: str,
    goal: str,
    found: dict[str, float],
    limit: float,
    unit: str = ' x',
) -> Bar:
    if not found:
        return Bar(device, goal)
    worst = max(found, key=lambda name: found[name])
    text = f'{found[worst]:.3g}{unit} ({worst})'
    return Bar(device, goal, text, found[worst] <= limit)


def _least(
    device: str, goal: str, found: dict[str, float], limit: float
) -> Bar:
    if not found:
        return Bar(device, goal)
    worst = min(found, key=lambda name: found[name])
    text = f'{found[worst]:.3g} x ({worst})'
    return Bar(device, goal, text, found[worst] >= limit)
