"""What is measured of each method, with names, units and what is better."""

import dataclasses
import re
from collections.abc import Callable

from .choice import BASELINE
from .curves import area, epochs_to_reach
from .results import ACCURACY, Results

__all__ = [
    'ACCURATE',
    'AREA',
    'Quantity',
    'REACHED',
    'never',
    'of_metric',
]

Values = Callable[[Results, str, str], dict[int, float]]


@dataclasses.dataclass(frozen=True)
class Quantity:
    """One number of a run.

    Attributes:
        label (str): Its name.
        unit (str): Its unit; empty if it has none.
        better (int): 1 if more is better, -1 if less is.
        values (Callable): Results, setting and method to seeds to numbers.
    """

    label: str
    unit: str
    better: int
    values: Values


#: Names of metrics, label, unit, and what is better; ``{0}`` is the split,
#: ``{1}`` the number at the end of a name that ends with ``_`` here.
KINDS = [
    (r'accuracy', '{0} accuracy', '%', 1),
    (r'loss', '{0} loss', '', -1),
    (r'loss_eval', '{0} loss of the final network', '', -1),
    (r'ece', 'calibration error (ECE)', '%', -1),
    (r'agreement', 'agreement with the other seeds', '%', 1),
    (r'accuracy_noise_', 'accuracy, noise of σ = {1}', '%', 1),
    (r'accuracy_fgsm_', 'accuracy, FGSM of ε = {1}', '%', 1),
    (r'hessian_top', 'top eigenvalue of the Hessian, {0} loss', '', -1),
    (r'hessian_trace', 'trace of the Hessian, {0} loss', '', -1),
    (r'hessian_top_batch', 'top eigenvalue, BatchNorm by the batch', '', -1),
    (r'sharpness_worst_', 'worst rise of the {0} loss in radius {1}', '', -1),
    (r'sharpness_average_', 'mean rise of the {0} loss, σ = {1}', '', -1),
    (r'iteration', 'processor time of an iteration', 'ms', -1),
]
SPLITS = {'train': 'training', 'val': 'validation'}


def of_metric(metric: str) -> Quantity:
    """Describe a metric of the rows at the last epoch.

    Args:
        metric (str): Its name, such as ``'test/accuracy_noise_0.1'``.

    Returns:
        Quantity: The quantity; of an unknown metric its name, as if more were
        better.
    """

    def values(results: Results, setting: str, method: str) -> dict:
        return results.values(setting, method, metric)

    split, _, name = metric.partition('/')
    for pattern, label, unit, better in KINDS:
        number = r'([\d.e-]+)' if pattern.endswith('_') else '()'
        found = re.fullmatch(f'(?:{pattern}){number}', name)
        if found:
            text = label.format(SPLITS.get(split, split), found[1])
            return Quantity(text, unit, better, values)
    return Quantity(metric, '', 1, values)


def _accuracies(results: Results, setting: str, method: str) -> dict:
    return results.values(setting, method)


def _areas(results: Results, setting: str, method: str) -> dict:
    curves = results.curves(setting, method, ACCURACY)
    return {s: area(curve) for s, curve in curves.items() if len(curve) > 1}


def _reached(results: Results, setting: str, method: str) -> dict:
    last = float(results.epochs(setting))
    times = _times(results, setting, method)
    return {s: last if t is None else t for s, t in times.items()}


def never(results: Results, setting: str, method: str) -> int:
    """Count the seeds that never reach the baseline's final accuracy."""
    return list(_times(results, setting, method).values()).count(None)


def _times(results: Results, setting: str, method: str) -> dict:
    targets = results.values(setting, BASELINE)
    curves = results.curves(setting, method, ACCURACY)
    return {
        seed: epochs_to_reach(curve, targets[seed])
        for seed, curve in curves.items()
        if seed in targets
    }


ACCURATE = Quantity('final test accuracy', '%', 1, _accuracies)
AREA = Quantity('test accuracy averaged over the epochs', '%', 1, _areas)
#: Whoever never reaches it counts with all epochs: the mean time restricted
#: to the length of the training.
REACHED = Quantity(
    "epochs to the baseline's final test accuracy", 'epochs', -1, _reached
)
