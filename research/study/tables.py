"""The tables of one setting."""

from typing import Optional

from research.common.methods import METHODS

from .choice import METRIC, Setup
from .comparisons import compare_accuracies
from .quantity import ACCURATE, AREA, REACHED, Quantity, never, of_metric
from .results import Results
from .rule import grid
from .table import (
    NOTHING,
    Table,
    interval,
    mean_and_spread,
    number,
    probability,
)

__all__ = [
    'differences',
    'flatness',
    'grid_table',
    'overview',
    'robustness',
    'window_text',
]

ROBUST = ['test/ece', 'test/agreement']
ROBUST_STARTS = ['test/accuracy_noise_', 'test/accuracy_fgsm_']
FLAT = ['hessian_top', 'hessian_trace', 'hessian_top_batch']
FLAT_STARTS = ['sharpness_worst_', 'sharpness_average_']


def overview(results: Results, setting: str) -> Table:
    """Tabulate accuracy and speed of all methods.

    Returns:
        Table: A line for each method.
    """
    lines = []
    for method in results.methods(setting):
        values = ACCURATE.values(results, setting, method)
        areas = AREA.values(results, setting, method)
        lines.append(
            [
                METHODS[method].label,
                *_setup_cells(results, results.setup(setting, method)),
                str(len(values)),
                mean_and_spread(values.values(), ACCURATE),
                _reached_cell(results, setting, method),
                mean_and_spread(areas.values(), AREA),
            ]
        )
    head = [
        'method',
        'window (epochs)',
        'momentum',
        'switch every (iterations)',
        'seeds',
        'final test accuracy (%)',
        "epochs to the baseline's final accuracy",
        'accuracy averaged over the epochs (%)',
    ]
    note = (
        f'Mean ± standard deviation over the seeds, after '
        f'{results.epochs(setting)} epochs. The target of a seed is the final '
        'accuracy of its own baseline, reached for the first time, on a '
        'straight line between two epochs; a run that never reaches it counts '
        'with all epochs, and is counted.'
    )
    return Table('Accuracy and speed', head, lines, note)


def differences(results: Results, setting: str) -> Table:
    """Tabulate paired differences of the final accuracy.

    Returns:
        Table: A line for each pair of methods.
    """
    found = compare_accuracies(results, setting)
    lines = [
        [
            f'{METHODS[c.method].label} − {METHODS[c.other].label}',
            str(c.difference.n),
            number(c.difference.mean, ACCURATE, True),
            number(c.difference.std, ACCURATE),
            interval(c.interval, ACCURATE),
            interval(c.together, ACCURATE),
            probability(c.difference.p_t),
            probability(c.p),
            probability(c.difference.p_wilcoxon),
        ]
        for c in found
    ]
    head = [
        'difference of the final test accuracy (%)',
        'seeds',
        'mean',
        'std',
        '95 % interval',
        'all together at 95 %',
        'p (t)',
        'p (t, Holm)',
        'p (Wilcoxon)',
    ]
    note = (
        f'Paired by seed. The {len(found)} lines are one family for the '
        "intervals that hold together (Bonferroni) and for Holm's correction. "
        "Wilcoxon's p cannot fall below 2/2ⁿ: 0.063 with 5 seeds, 0.002 "
        'with 10.'
    )
    return Table('Differences', head, lines, note)


def robustness(results: Results, setting: str) -> Optional[Table]:
    """Tabulate robustness, calibration and agreement, if measured."""
    metrics = [
        *ROBUST,
        *(m for s in ROBUST_STARTS for m in results.metrics(s)),
    ]
    return _by_method('Robustness', results, setting, metrics)


def flatness(results: Results, setting: str, split: str) -> Optional[Table]:
    """Tabulate curvature and sharpness of a loss, if measured."""
    metrics = [f'{split}/{name}' for name in FLAT]
    for start in FLAT_STARTS:
        metrics += results.metrics(f'{split}/{start}')
    name = {'train': 'training', 'test': 'test'}[split]
    title = f'Flatness of the {name} loss'
    return _by_method(title, results, setting, metrics)


def grid_table(results: Results, setting: str, method: str) -> Optional[Table]:
    """Tabulate what the momentum was chosen from.

    Returns:
        Table, optional: A line for each window, a column for each interval;
        None if nothing was tried.
    """
    tried = grid(results, setting, method)
    if not tried:
        return None
    quantity = of_metric(METRIC)
    windows = sorted({window for window, _ in tried})
    intervals = sorted({k for _, k in tried}, key=lambda k: k or 0)
    best = max(tried.values())

    def cell(window: float, k: Optional[int]) -> str:
        value = tried.get((window, k))
        if value is None:
            return NOTHING
        text = number(value, quantity)
        return f'**{text}**' if value == best else text

    lines = [
        [
            f'{window:.3g}',
            f'{1 / (window * results.steps):.3g}',
            *(cell(window, k) for k in intervals),
        ]
        for window in windows
    ]
    every = ['no switch' if k is None else f'every {k}' for k in intervals]
    note = (
        'Accuracy (%) on the validation split after the last epoch, mean over '
        'the selection seeds; the best is bold. Columns: iterations between '
        f'two switches, of which an epoch has {results.steps}.'
    )
    title = f'{METHODS[method].label}: choice of the momentum'
    return Table(title, ['window (epochs)', 'momentum', *every], lines, note)


def window_text(results: Results, momentum: Optional[float]) -> str:
    """Write the window of a momentum."""
    if momentum is None:
        return NOTHING
    return f'{1 / (momentum * results.steps):.3g}'


def _setup_cells(results: Results, setup: Optional[Setup]) -> list[str]:
    momentum, interval = setup or (None, None)
    return [
        window_text(results, momentum),
        NOTHING if momentum is None else f'{momentum:.3g}',
        NOTHING if interval is None else str(interval),
    ]


def _reached_cell(results: Results, setting: str, method: str) -> str:
    values = REACHED.values(results, setting, method)
    text = mean_and_spread(values.values(), REACHED)
    count = never(results, setting, method)
    return f'{text} (never in {count} of {len(values)})' if count else text


def _by_method(
    title: str, results: Results, setting: str, metrics: list[str]
) -> Optional[Table]:
    def values(method: str, quantity: Quantity) -> dict[int, float]:
        return quantity.values(results, setting, method)

    methods = results.methods(setting)
    quantities = [
        quantity
        for quantity in map(of_metric, metrics)
        if any(values(method, quantity) for method in methods)
    ]
    if not quantities:
        return None
    lines = [
        [
            METHODS[method].label,
            *(
                mean_and_spread(values(method, m).values(), m)
                for m in quantities
            ),
        ]
        for method in methods
        if any(values(method, m) for m in quantities)
    ]
    units = [f' ({m.unit})' if m.unit else '' for m in quantities]
    head = [m.label + unit for m, unit in zip(quantities, units)]
    note = 'Mean ± standard deviation over the seeds, after the last epoch.'
    return Table(title, ['method', *head], lines, note)
