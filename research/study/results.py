"""The rows of a study, found by what they belong to."""

import math
from collections.abc import Iterable, Mapping
from typing import Any, Optional

from research.common.methods import METHODS

from .choice import FIRST_SELECTION_SEED, Setup, scores
from .rows import Row

__all__ = ['ACCURACY', 'Results']

ACCURACY = 'test/accuracy'
Curves = dict[int, dict[int, float]]


class Results:
    """What the report seeds of a study have found.

    Each method has the momentum and interval that did best on the validation
    split in the selection seeds, among those that report seeds have.

    Args:
        rows (Iterable[Row]): All rows. Values that are not finite are left
            out, and kept in ``broken``.
        steps (int): Iterations of an epoch.
        settings (Mapping): Names of the settings to what the config of the
            study says of each: ``seeds``, the number of its report seeds,
            and ``momenta_of``, the setting whose selection seeds choose for
            it, if not its own.
    """

    def __init__(
        self,
        rows: Iterable[Row],
        steps: int,
        settings: Mapping[str, Mapping[str, Any]],
    ) -> None:
        rows = list(rows)
        self.rows = [row for row in rows if math.isfinite(row.value)]
        self.broken = [row for row in rows if not math.isfinite(row.value)]
        self.steps = steps
        self.planned = settings
        found = dict.fromkeys(row.setting for row in rows)
        self.settings = [
            *(name for name in settings if name in found),
            *(name for name in found if name not in settings),
        ]
        self._curves: dict[tuple, Curves] = {}
        self._setups: dict[tuple[str, str], Optional[Setup]] = {}
        self._last: dict[str, int] = {}
        for row in self.rows:
            key = (row.setting, row.method, row.metric)
            setup = (row.momentum, row.interval)
            curves = self._curves.setdefault((*key, setup), {})
            curves.setdefault(row.seed, {})[row.epoch] = row.value
            last = self._last.get(row.setting, 0)
            self._last[row.setting] = max(last, row.epoch)

    def epochs(self, setting: str) -> int:
        """Return the last epoch of a setting."""
        return self._last[setting]

    def methods(self, setting: str) -> list[str]:
        """List the methods with report seeds, in the order of the tables."""
        return [m for m in METHODS if self._reported(setting, m)]

    def normalised(self, setting: str) -> bool:
        """Return whether a setting has methods that recalibrate BatchNorm."""
        return any(
            key[0] == setting and key[1].endswith('-bn')
            for key in self._curves
        )

    def chooser(self, setting: str) -> str:
        """Return the setting whose selection seeds choose the momenta."""
        return self.planned.get(setting, {}).get('momenta_of', setting)

    def setup(self, setting: str, method: str) -> Optional[Setup]:
        """Find with what a method is reported.

        Returns:
            tuple, optional: Momentum and interval, each None if the method
            has none; None if there is nothing to report, or nothing that
            could choose.
        """
        key = setting, method
        if key not in self._setups:
            self._setups[key] = self._choose(setting, method)
        return self._setups[key]

    def curves(self, setting: str, method: str, metric: str) -> Curves:
        """Collect the learning curves of the report seeds.

        Returns:
            dict: Seeds to epochs to values; without runs that lack epochs.
        """
        setup = self.setup(setting, method)
        found = self._curves.get((setting, method, metric, setup), {})
        wanted = set(range(1, self.epochs(setting) + 1))
        return {
            seed: curve
            for seed, curve in sorted(found.items())
            if seed < FIRST_SELECTION_SEED and set(curve) == wanted
        }

    def values(
        self, setting: str, method: str, metric: str = ACCURACY
    ) -> dict[int, float]:
        """Collect the values of the last epoch.

        Args:
            setting (str): The setting.
            method (str): The method.
            metric (str): The metric. Defaults to the accuracy on the test
                split.

        Returns:
            dict[int, float]: Report seeds to values.
        """
        setup = self.setup(setting, method)
        found = self._curves.get((setting, method, metric, setup), {})
        last = self.epochs(setting)
        return {
            seed: curve[last]
            for seed, curve in sorted(found.items())
            if seed < FIRST_SELECTION_SEED and last in curve
        }

    def metrics(self, start: str) -> list[str]:
        """List the metrics that begin with ``start``, numbers by size."""
        found = {row.metric for row in self.rows}
        return sorted((m for m in found if m.startswith(start)), key=_by_size)

    def _choose(self, setting: str, method: str) -> Optional[Setup]:
        reported = self._reported(setting, method)
        if len(reported) < 2:
            return reported[0] if reported else None
        found = scores(self.rows, self.chooser(setting), method)
        able = [setup for setup in reported if setup in found]
        if not able:
            return None
        return max(able, key=lambda setup: (found[setup], setup[0] or 0.0))

    def _reported(self, setting: str, method: str) -> list[Setup]:
        return [
            key[3]
            for key, curves in self._curves.items()
            if key[:3] == (setting, method, ACCURACY)
            and min(curves) < FIRST_SELECTION_SEED
        ]


def _by_size(metric: str) -> tuple[str, float]:
    name, _, number = metric.rpartition('_')
    try:
        return name, float(number)
    except ValueError:
        return metric, 0.0
