"""The summary of a study, as Markdown."""

from collections.abc import Iterator

from .missing import missing
from .results import Results
from .table import Table
from .tables import differences, flatness, grid_table, overview, robustness

__all__ = ['summarise', 'tables_of']

GRIDS = ('ema', 'ema-bn', 'sema', 'sema-bn')
TEXT = """# {title}

The momentum of each method is the one with the best mean accuracy on the
validation split over the selection seeds (100 and up); everything else is of
the report seeds, on the test split unless it says otherwise, after the last
epoch. -BN: with the statistics of BatchNorm estimated anew for the averaged
weights. The verdicts, figures and protocol are in [the report]({report}).
"""
END = """
The rows have every setting, method, momentum, interval, seed, epoch and
metric; `environment.json` the machine. Made by

```bash
{command}
```
"""


def summarise(
    results: Results,
    title: str,
    command: str,
    report: str = '../../research/report/results/README.md',
) -> str:
    """Write the summary.

    Args:
        results (Results): The results.
        title (str): Its heading.
        command (str): What has made the rows.
        report (str): Where the report is. Defaults to its place in the
            repository, seen from a folder of results.

    Returns:
        str: Markdown.
    """
    text = TEXT.format(title=title, report=report)
    for setting in results.settings:
        text += f'\n## {setting}\n'
        for table in tables_of(results, setting):
            text += f'\n### {table.title}\n\n{table.markdown}\n{table.note}\n'
    text += '\n## Missing\n\n'
    lacking = missing(results)
    text += ''.join(f'- {line}\n' for line in lacking) or 'Nothing.\n'
    return text + END.format(command=command)


def tables_of(results: Results, setting: str) -> Iterator[Table]:
    """List the tables of a setting.

    Yields:
        Table: Those that have something to say.
    """
    found = [
        overview(results, setting),
        differences(results, setting),
        robustness(results, setting),
        flatness(results, setting, 'train'),
        flatness(results, setting, 'test'),
        *(grid_table(results, setting, m) for m in GRIDS),
    ]
    yield from (table for table in found if table and table.lines)
