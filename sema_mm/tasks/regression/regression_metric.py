"""Errors and correlations of predicted numbers."""

import logging
from collections.abc import Sequence
from typing import Any, Optional

import numpy as np
import torch
from mmengine.evaluator import BaseMetric
from mmengine.logging import print_log
from mmengine.registry import METRICS

from .measures import MEASURES, angular_error

__all__ = ['RegressionMetric']


@METRICS.register_module()
class RegressionMetric(BaseMetric):
    """Errors and correlations of ``pred_score`` with ``gt_score``.

    =============  =========================================  =======
    key            what                                       rule
    =============  =========================================  =======
    mae            mean absolute error                        less
    mse            mean squared error                         less
    rmse           its root                                   less
    mape           mean absolute error as a fraction of the   less
                   target; targets of 0 are left out
    pearson        correlation                                greater
    spearman       correlation of ranks                       greater
    angular_error  mean absolute error the shorter way round  less
    =============  =========================================  =======

    The values are those of scikit-learn and scipy, but for MAPE with targets
    of 0. mmengine's checkpoint hook cannot guess which of them should be
    small: give it the rule as well, ``save_best='regression/mae',
    rule='less'``.

    Args:
        items (Sequence[str]): What to report, of the table without
            ``angular_error``. Defaults to ``('mae', 'mse', 'rmse', 'mape')``.
        period (float, optional): For angles: once round, in the unit of the
            targets. ``angular_error`` is reported as well, then. Defaults to
            None.
        collect_device (str): As for mmengine's ``BaseMetric``. Defaults to
            ``'cpu'``.
        prefix (str, optional): Goes before the keys. Defaults to None, which
            is ``'regression'``.

    Raises:
        TypeError: If ``period`` is no number.
        ValueError: If an item is unknown, or ``period`` is not above 0.
    """

    default_prefix = 'regression'

    def __init__(
        self,
        items: Sequence[str] = ('mae', 'mse', 'rmse', 'mape'),
        period: Optional[float] = None,
        collect_device: str = 'cpu',
        prefix: Optional[str] = None,
    ) -> None:
        super().__init__(collect_device, prefix)
        if isinstance(items, str) or not set(items) <= set(MEASURES):
            raise ValueError(
                f'items={items!r} must be a list of some of '
                f'{", ".join(MEASURES)}'
            )
        if not isinstance(period, (int, float, np.number, type(None))):
            raise TypeError(
                f'period={period!r} must be a number, for example 360 for '
                'angles in degrees'
            )
        if period is not None and not 0 < period < float('inf'):
            raise ValueError(
                f'period={period} must be above 0 and finite, for example 360 '
                'for angles in degrees'
            )
        self.items = tuple(items)
        self.period = period
        self._warned = False

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Keep the predictions and the targets of a batch.

        Args:
            data_batch (Any): The batch; not used.
            data_samples (Sequence[dict]): Samples with ``pred_score`` and
                ``gt_score``, each of shape ``(1, )``.

        Raises:
            ValueError: If one of the two is missing.
        """
        for key in ('pred_score', 'gt_score'):
            if any(key not in sample for sample in data_samples):
                raise ValueError(
                    f'RegressionMetric reads {key}, which the samples lack: '
                    'the dataset puts gt_score there, an array of one number '
                    'each, and RegressionHead pred_score'
                )
        pairs = [
            torch.cat([sample[key] for sample in data_samples]).tolist()
            for key in ('pred_score', 'gt_score')
        ]
        self.results.extend(zip(*pairs))

    def compute_metrics(self, results: list) -> dict[str, float]:
        """Compute what was asked for.

        Args:
            results (list): Pairs of a prediction and its target, of all
                ranks.

        Returns:
            dict[str, float]: The value of each item.
        """
        predictions, targets = np.array(results, dtype=np.float64).T
        if 'mape' in self.items:
            self._warn_of_zeros(targets)
        values = {
            name: MEASURES[name](predictions, targets) for name in self.items
        }
        if self.period is not None:
            error = angular_error(predictions, targets, self.period)
            values['angular_error'] = error
        return values

    def _warn_of_zeros(self, targets: np.ndarray) -> None:
        zeros = np.count_nonzero(targets == 0)
        if zeros and not self._warned:
            self._warned = True
            print_log(
                f'mape leaves out {zeros} of {len(targets)} samples, whose '
                'target is 0',
                logger='current',
                level=logging.WARNING,
            )
