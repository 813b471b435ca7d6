"""What the templates of the report ask for."""

from collections.abc import Iterator, Mapping
from typing import Any, Optional

from research.common.methods import METHODS
from research.study.choice import BASELINE, FIRST_SELECTION_SEED
from research.study.claims import BETTER, CLAIMS, Claim, Finding, judge
from research.study.figures import Figure
from research.study.missing import missing
from research.study.quantity import ACCURATE
from research.study.results import Results
from research.study.summary import tables_of
from research.study.table import NOTHING, Table

from .advice import advice_table, advise, count_long
from .claims_table import claims_table
from .sides import sides

__all__ = ['content_of', 'protocol_table']

AVERAGING = Claim('averaging helps', [('ema', BASELINE)], [ACCURATE])
MACHINE = {
    'cpu': 'processor',
    'cores': 'cores',
    'gpu': 'GPU',
    'jobs': 'trainings at a time',
    'threads_per_run': 'threads of each',
    'hours': 'hours',
    'python': 'Python',
    'commits': 'commits',
}
PACKAGES = ('torch', 'mmengine', 'numpy')


def content_of(
    results: Results,
    figures: list[Figure],
    environment: Mapping[str, Any],
    others: Optional[Table],
) -> dict[str, Any]:
    """Collect the content.

    Args:
        results (Results): The results.
        figures (list[Figure]): The figures.
        environment (Mapping): The study's ``environment.json``.
        others (Table, optional): Of other tasks.

    Returns:
        dict: What the templates name.
    """
    findings = [found for claim in CLAIMS for found in judge(results, claim)]
    accuracy = {f.other: sides(f) for f in findings if f.claim is BETTER}
    [ema] = judge(results, AVERAGING)
    return {
        'names': results.settings,
        'seeds': _seeds(results),
        'against': {name: accuracy[name] for name in (BASELINE, 'ema')},
        'ema': sides(ema),
        'advice': {
            'sema': advise(results, 'sema'),
            'ema': advise(results, 'ema'),
            'table': advice_table(results),
        },
        'long': count_long(results),
        'claims': claims_table(results, findings),
        'other_claims': list(_other_claims(findings)),
        'figures': figures,
        'settings': {s: list(tables_of(results, s)) for s in results.settings},
        'others': others,
        'missing': missing(results),
        'protocol': protocol_table(results),
        'machine': _machine_table(environment),
        **_numbers(results),
    }


def protocol_table(results: Results) -> Table:
    """Tabulate what the config says of each setting.

    Returns:
        Table: A line for each setting, with what any of them has.
    """
    keys = list(dict.fromkeys(k for s in results.planned.values() for k in s))
    lines = [
        [f'`{name}`', *(_said(setting.get(key)) for key in keys)]
        for name, setting in results.planned.items()
    ]
    note = (
        f'An epoch has {results.steps} iterations. momenta_of: the setting '
        'whose selection seeds have chosen the momenta.'
    )
    return Table('Settings', ['setting', *keys], lines, note, words=True)


def _other_claims(findings: list[Finding]) -> Iterator[str]:
    for claim in CLAIMS:
        if claim is BETTER:
            continue
        parts = []
        for _, other in claim.pairs:
            found = [
                finding
                for finding in findings
                if finding.claim is claim and finding.other == other
            ]
            parts.append(f'against {METHODS[other].label} {_joined(found)}')
        yield f'{claim.text}, {", ".join(parts)}'


def _joined(findings: list[Finding]) -> str:
    quantities: dict[str, list[str]] = {}
    for found in findings:
        quantities.setdefault(found.overall, []).append(found.quantity.label)
    if len(quantities) < 2:
        return next(iter(quantities))
    return ' and '.join(
        f'{verdict} by {", ".join(labels)}'
        for verdict, labels in quantities.items()
    )


def _machine_table(environment: Mapping[str, Any]) -> Table:
    lines = [
        [label, _said(environment[key])]
        for key, label in MACHINE.items()
        if environment.get(key) is not None
    ]
    packages = environment.get('packages', {})
    lines += [
        [name, str(packages[name])] for name in PACKAGES if name in packages
    ]
    return Table('Machine', ['', 'measured on'], lines, words=True)


def _said(value: Any) -> str:
    if value is None:
        return NOTHING
    if isinstance(value, Mapping):
        return ', '.join(f'{key} {_said(v)}' for key, v in value.items())
    if isinstance(value, (list, tuple)):
        return ', '.join(map(_said, value))
    return f'{value:g}' if isinstance(value, float) else str(value)


def _seeds(results: Results) -> str:
    counts = {
        len(results.values(setting, method))
        for setting in results.settings
        for method in results.methods(setting)
    } - {0}
    if not counts:
        return '0'
    low, high = min(counts), max(counts)
    return str(low) if low == high else f'{low} to {high}'


def _numbers(results: Results) -> dict[str, Any]:
    seeds = {r.seed for r in results.rows if r.seed >= FIRST_SELECTION_SEED}
    windows = sorted(
        {
            1 / (row.momentum * results.steps)
            for row in results.rows
            if row.momentum is not None and row.seed in seeds
        }
    )
    epochs = sorted({results.epochs(setting) for setting in results.settings})
    return {
        'choosing': len(seeds),
        'tried': ', '.join(f'{window:.2g}' for window in windows) or NOTHING,
        'epochs': ' or '.join(map(str, epochs)),
    }
