"""What the paper claims of Switch EMA, and what a study says to it."""

import dataclasses
from collections.abc import Iterator
from typing import Optional

from .choice import BASELINE
from .comparisons import Comparison, compare_all
from .quantity import ACCURATE, AREA, REACHED, Quantity, of_metric
from .results import Results

__all__ = ['CLAIMS', 'COST', 'Claim', 'Finding', 'judge']

SUPPORTED, NOT, UNKNOWN = 'supported', 'not supported', 'not measured'
#: "No cost" is supported where an iteration is surely at most this many
#: percent longer.
COST = 2.0


@dataclasses.dataclass(frozen=True)
class Claim:
    """A claim, and the comparisons that test it.

    Attributes:
        text (str): The claim.
        pairs (list[tuple[str, str]]): A method and what it is compared with.
        quantities (list[Quantity]): By what.
        margin (float, optional): In percent of the other method's mean: how
            much worse the method may be; 0 means that it must be better.
    """

    text: str
    pairs: list[tuple[str, str]]
    quantities: list[Quantity]
    margin: float = 0.0


@dataclasses.dataclass(frozen=True)
class Finding:
    """One pair and quantity of a claim, in all settings.

    Attributes:
        claim (Claim): The claim.
        method (str): The method.
        other (str): What it is compared with.
        quantity (Quantity): By what.
        comparisons (dict): Settings to comparisons; None where there are
            fewer than two seeds of both.
    """

    claim: Claim
    method: str
    other: str
    quantity: Quantity
    comparisons: dict[str, Optional[Comparison]]

    def verdict(self, setting: str) -> str:
        """Judge the claim in one setting.

        Returns:
            str: ``'supported'``, ``'not supported'`` or ``'not measured'``.
        """
        found = self.comparisons[setting]
        if found is None:
            return UNKNOWN
        if not self.claim.margin:
            return SUPPORTED if found.sign > 0 else NOT
        worst = max(-found.quantity.better * end for end in found.together)
        most = self.claim.margin / 100 * abs(found.reference)
        return SUPPORTED if worst <= most else NOT

    @property
    def overall(self) -> str:
        """str: The verdict over all settings in which it was measured."""
        verdicts = [self.verdict(setting) for setting in self.comparisons]
        known = [verdict for verdict in verdicts if verdict != UNKNOWN]
        if not known:
            return UNKNOWN
        good = known.count(SUPPORTED)
        if 0 < good < len(known):
            return f'{SUPPORTED} in {good} of {len(known)} settings'
        return SUPPORTED if good else NOT


BETTER = Claim(
    'better accuracy',
    [
        ('sema', BASELINE),
        ('sema', 'ema'),
        ('sema-bn', 'ema-bn'),
    ],
    [ACCURATE],
)
FASTER = Claim(
    'faster convergence',
    [('sema', BASELINE), ('sema', 'ema')],
    [REACHED, AREA],
)
FLATTER = Claim(
    'flatter optimum',
    [('sema', BASELINE)],
    [
        of_metric('train/hessian_top'),
        of_metric('train/hessian_trace'),
    ],
)
DEEPER = Claim(
    'sharper (deeper) optimum',
    [('sema', BASELINE), ('sema', 'ema')],
    [of_metric('train/loss_eval')],
)
FREE = Claim(
    'no cost',
    [('sema', BASELINE)],
    [of_metric('time/iteration')],
    margin=COST,
)
CLAIMS = [BETTER, FASTER, FLATTER, DEEPER, FREE]


def judge(results: Results, claim: Claim) -> list[Finding]:
    """Hold a claim against a study.

    All comparisons of the claim, in all settings, are one family.

    Returns:
        list[Finding]: One for each pair and quantity.
    """
    quantities = [*claim.quantities, *_more(results, claim)]
    wanted = [(*pair, m) for pair in claim.pairs for m in quantities]
    family = [
        (setting, *asked) for asked in wanted for setting in results.settings
    ]
    found = {
        (c.setting, c.method, c.other, c.quantity.label): c
        for c in compare_all(results, family)
    }
    return [
        Finding(
            claim,
            *(method, other, quantity),
            {
                setting: found.get((setting, method, other, quantity.label))
                for setting in results.settings
                if _concerns(results, setting, method)
            },
        )
        for method, other, quantity in wanted
    ]


def _more(results: Results, claim: Claim) -> Iterator[Quantity]:
    """Find the quantities whose names hold a radius."""
    if claim is FLATTER:
        for metric in results.metrics('train/sharpness_'):
            yield of_metric(metric)


def _concerns(results: Results, setting: str, method: str) -> bool:
    """Tell whether a setting can have a method at all."""
    return not method.endswith('-bn') or results.normalised(setting)
