"""Differences between methods, corrected for their number."""

import dataclasses
from collections.abc import Iterable

from research.common.paired import PairedDifference, compare, holm

from .choice import BASELINE
from .quantity import ACCURATE, Quantity
from .results import Results

__all__ = ['Comparison', 'compare_accuracies', 'compare_all']

#: Setting, method, the other method, and what is compared.
Asked = tuple[str, str, str, Quantity]


@dataclasses.dataclass(frozen=True)
class Comparison:
    """One method minus another, paired by seed, within a family.

    Attributes:
        setting (str): The setting.
        method (str): The one method.
        other (str): The other.
        quantity (Quantity): What is compared.
        difference (PairedDifference): The method minus the other.
        reference (float): Mean of the other over the same seeds.
        interval (tuple[float, float]): At 95 %, for this comparison alone.
        together (tuple[float, float]): At 95 % for all comparisons of the
            family together, by Bonferroni's inequality.
        p (float): p-value of the t-test, corrected as Holm does.
    """

    setting: str
    method: str
    other: str
    quantity: Quantity
    difference: PairedDifference
    reference: float
    interval: tuple[float, float]
    together: tuple[float, float]
    p: float

    @property
    def sign(self) -> int:
        """int: 1 if the method is better, -1 if worse, 0 if neither.

        By the interval of all comparisons together.
        """
        low, high = self.together
        side = (low > 0) - (high < 0)
        return side * self.quantity.better


def compare_all(results: Results, family: Iterable[Asked]) -> list[Comparison]:
    """Compare pairs of methods that count as one family.

    Each pair is compared by the seeds that both of its methods have; what
    has fewer than two of them is left out, and no part of the family.

    Args:
        results (Results): The results.
        family (Iterable): What to compare.

    Returns:
        list[Comparison]: In the same order.
    """
    found: list[tuple[Asked, PairedDifference, float]] = []
    for asked in family:
        setting, method, other, quantity = asked
        first = quantity.values(results, setting, method)
        second = quantity.values(results, setting, other)
        both = sorted(set(first) & set(second))
        if len(both) > 1:
            difference = compare(
                {s: first[s] for s in both}, {s: second[s] for s in both}
            )
            reference = sum(second[s] for s in both) / len(both)
            found.append((asked, difference, reference))
    corrected = holm([difference.p_t for _, difference, _ in found])
    return [
        Comparison(
            *asked,
            difference,
            reference,
            difference.interval(),
            difference.interval(comparisons=len(found)),
            p,
        )
        for (asked, difference, reference), p in zip(found, corrected)
    ]


def compare_accuracies(results: Results, setting: str) -> list[Comparison]:
    """Compare methods with the baseline, SEMA with EMA: one family."""
    methods = results.methods(setting)
    pairs = [(method, BASELINE) for method in methods if method != BASELINE]
    pairs += [('sema', 'ema'), ('sema-bn', 'ema-bn')]
    return compare_all(results, [(setting, *p, ACCURATE) for p in pairs])
