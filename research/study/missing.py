"""What a study lacks."""

from collections.abc import Iterator

from research.common.methods import METHODS

from .choice import BASELINE, scores
from .quantity import of_metric
from .results import ACCURACY, Results

__all__ = ['missing']

#: Metrics, or what their names begin with, that a study should have.
WANTED = [
    'test/ece',
    'test/agreement',
    'test/accuracy_noise_',
    'test/accuracy_fgsm_',
    'train/loss_eval',
    'train/hessian_top',
    'train/hessian_trace',
    'train/sharpness_worst_',
    'train/sharpness_average_',
    'time/iteration',
]
#: Whom a metric is measured of, where that is not every method.
ONLY = {'time/iteration': (BASELINE, 'sema')}


def missing(results: Results) -> list[str]:
    """Name what is not there.

    Returns:
        list[str]: A sentence for each thing; none if all is there.
    """
    found = [
        f'{name}: no rows.'
        for name in results.planned
        if name not in results.settings
    ]
    for setting in results.settings:
        found += _methods(results, setting)
    found += _metrics(results)
    return found + list(_broken(results))


def _methods(results: Results, setting: str) -> Iterator[str]:
    planned = results.planned.get(setting, {}).get('seeds')
    wanted = list(METHODS)
    if not results.normalised(setting):
        wanted = [m for m in wanted if not m.endswith('-bn')]
    # What nothing is planned for has the seeds that any of its methods has.
    every = set(range(planned)) if planned else set()
    for method in wanted:
        every |= set(results.values(setting, method))
    for method in wanted:
        name = f'{setting}, {METHODS[method].label}'
        seeds = set(results.values(setting, method))
        lacking = sorted(every - seeds)
        if lacking and seeds:
            yield f'{name}: no seeds {_listed(lacking)}.'
        elif lacking and method not in results.methods(setting):
            yield f'{name}: no report seeds.'
        elif lacking:
            yield f'{name}: nothing has chosen its momentum, or no run ended.'
        yield from _choice(results, setting, method, name)


def _choice(
    results: Results, setting: str, method: str, name: str
) -> Iterator[str]:
    setup = results.setup(setting, method)
    if setup is None or setup[0] is None:
        return
    tried = scores(results.rows, results.chooser(setting), method)
    at_interval = {s: v for s, v in tried.items() if s[1] == setup[1]}
    if setup not in at_interval:
        yield f'{name}: momentum {setup[0]:.3g} has no selection seeds.'
        return
    best = max(at_interval, key=lambda s: (at_interval[s], s[0] or 0.0))
    if best != setup:
        yield (
            f'{name}: reported with momentum {setup[0]:.3g}, as '
            f'{best[0]:.3g}, the best of the selection seeds, has no report '
            'seeds.'
        )


def _metrics(results: Results) -> Iterator[str]:
    where: dict[str, list[str]] = {}
    for setting in results.settings:
        for start in WANTED:
            names = results.metrics(start) if start.endswith('_') else [start]
            for metric in names or [f'{start}…']:
                for what in _lacks(results, setting, metric):
                    where.setdefault(what, []).append(setting)
    for what, settings in where.items():
        every = len(settings) == len(results.settings)
        yield f'{"in all settings" if every else ", ".join(settings)}: {what}.'


def _lacks(results: Results, setting: str, metric: str) -> Iterator[str]:
    methods = _measured(results, setting, metric)
    quantity = of_metric(metric)
    lacking = [m for m in methods if not quantity.values(results, setting, m)]
    if lacking and len(lacking) == len(methods):
        yield f'no `{metric}`'
    elif lacking:
        labels = [METHODS[m].label for m in lacking]
        yield f'no `{metric}` of {", ".join(labels)}'
    for method in methods:
        wanted = set(results.values(setting, method, ACCURACY))
        has = set(results.values(setting, method, metric))
        if has and wanted - has:
            label, seeds = METHODS[method].label, _listed(sorted(wanted - has))
            yield f'no `{metric}` of {label}, seeds {seeds}'


def _measured(results: Results, setting: str, metric: str) -> list[str]:
    methods = results.methods(setting)
    return [m for m in methods if m in ONLY.get(metric, methods)]


def _broken(results: Results) -> Iterator[str]:
    for row in results.broken:
        yield (
            f'{row.setting}, {METHODS[row.method].label}, seed {row.seed}, '
            f'epoch {row.epoch}: `{row.metric}` is {row.value}.'
        )


def _listed(seeds: list[int]) -> str:
    return ', '.join(map(str, seeds))
