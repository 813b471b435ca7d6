"""The table of the paper's claims."""

from research.common.methods import METHODS
from research.study.claims import Finding
from research.study.quantity import REACHED, never
from research.study.results import Results
from research.study.table import NOTHING, Table, probability

from .sides import described

__all__ = ['claims_table']


def claims_table(results: Results, findings: list[Finding]) -> Table:
    """Tabulate claims, measurements and verdicts.

    Returns:
        Table: A line for each finding.
    """
    lines = [
        [
            finding.claim.text,
            _compared(finding),
            _measured(results, finding) or NOTHING,
            f'**{finding.overall}**',
        ]
        for finding in findings
    ]
    head = ['claim', 'compared', 'measured', 'verdict']
    note = (
        'Differences paired by seed, in brackets the interval that holds at '
        '95 % for all comparisons of the same claim together (Bonferroni), p '
        "of the t-test with Holm's correction for the same comparisons. A "
        'claim is supported where that interval lies wholly on its side; not '
        'supported says that this study does not show it, not that it is '
        'wrong, unless the interval lies on the other side.'
    )
    return Table('Claims of the paper', head, lines, note, words=True)


def _compared(finding: Finding) -> str:
    quantity = finding.quantity
    pair = f'{METHODS[finding.method].label} − {METHODS[finding.other].label}'
    unit = f' ({quantity.unit})' if quantity.unit else ''
    side = {1: 'more is better', -1: 'less is better'}[quantity.better]
    if finding.claim.margin:
        side = f'supported if less than {finding.claim.margin:g} % longer'
    return f'{pair}: {quantity.label}{unit}; {side}'


def _measured(results: Results, finding: Finding) -> str:
    lines = []
    for setting, found in finding.comparisons.items():
        verdict = finding.verdict(setting)
        if found is None:
            lines.append(f'`{setting}`: {verdict}')
            continue
        words = [
            f'{described(found)}',
            f'{found.difference.n} seeds',
            f'p {_equals(probability(found.p))}',
        ]
        count = never(results, setting, finding.method)
        if finding.quantity is REACHED and count:
            words.append(f'never in {count}')
        opposite = found.sign < 0 and not finding.claim.margin
        end = ' (the opposite)' if opposite else ''
        lines.append(f'`{setting}`: {", ".join(words)}: {verdict}{end}')
    return '\n'.join(lines)


def _equals(p: str) -> str:
    return p if p.startswith('<') else f'= {p}'
