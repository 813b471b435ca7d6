"""Files of a run: environment, rows, counts, summary and plot."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from research.common.environment import read_environment, write_environment
from research.common.rows import read_rows, write_rows

from .bars import judge
from .counts import Count
from .plot import draw
from .results import Results
from .rows import Row
from .suites import OVERHEAD
from .tables import bars_table, counts_table, growth_table, times_table

__all__ = ['read', 'summarize', 'write']

TIMES = [
    'step',
    'hook',
    'hook beyond the arithmetic',
    OVERHEAD,
    'iteration',
    'iteration (compiled)',
    'switch',
    'swap in and out',
    'save',
    'resume',
]
NO_GPU = (
    'not measured: the machine has no CUDA device. '
    'The same command measures it where there is one.'
)
LEGEND = """\
Cells: the ratio to the floor `raw foreach` in the same interleaved rounds
(for whole iterations, saving and resuming: to training without averaging),
and the median in milliseconds. The floors move the same bytes by one
`torch._foreach_lerp_` (for the switch `_foreach_copy_`, for the swap three
of them each way), or by one call on one flat tensor. `hook` is everything
that the averaging hook does in an iteration, its call and our non-finite
guard included; `hook beyond the arithmetic` is that, less the bare calls on
tensors that it makes (`SwitchEMA, only tensors`), in the same round, when
everything else has left the caches; `hook, one tensor` is warm. The guard has
to read the weights before the first average changes: `one flat sum` is what
one more reading pass takes at least. `rows.csv` has the quartiles, the minimum
and the number of samples of every cell.

Peak memory is beside the model's own; its ratio is to the bytes of the
float32 averages of what is trainable. The ratio of a file is to the
checkpoint of training without averaging."""


def write(folder: Path, results: Results, environment: dict[str, Any]) -> None:
    """Write all files; ``environment`` gets what is missing."""
    folder.mkdir(parents=True, exist_ok=True)
    environment['missing'] = results.missing
    write_environment(folder, environment)
    write_rows(folder / 'rows.csv', _rounded(results.rows))
    write_rows(folder / 'counts.csv', _rounded(results.counts))
    (folder / 'summary.md').write_text(summarize(results, environment))
    draw(results.rows, folder / 'plot.png')


def read(folder: Path) -> tuple[Results, dict[str, Any]]:
    """Return the results and the environment that :func:`write` wrote."""
    environment = read_environment(folder)
    rows = read_rows(folder / 'rows.csv', Row)
    counts = read_rows(folder / 'counts.csv', Count)
    return Results(rows, counts, environment.get('missing', {})), environment


def summarize(results: Results, environment: dict[str, Any]) -> str:
    """Return the summary as Markdown."""
    gpu = environment.get('gpu')
    machine = (
        f'{environment["cpu"]}, {environment["threads"]} thread(s), '
        f'{environment["clock"]} clock'
    )
    parts = [
        '# What averaging costs',
        f'```bash\npip install -r requirements/benchmark.txt\n'
        f'{environment["command"]}\n```',
        f'{machine}{f"; {gpu}" if gpu else ""}; torch '
        f'{environment["packages"]["torch"]}; commit '
        f'`{str(environment["commit"])[:12]}`. All of it is in '
        '[environment.json](environment.json).',
        '## The bars',
        bars_table(judge(results.rows, results.counts)),
        '![ratios to raw foreach](plot.png)',
        LEGEND,
    ]
    kinds = dict.fromkeys((r.device, r.dtype) for r in results.rows)
    for device, dtype in kinds:
        parts += _section(results, device, dtype)
    if 'cuda' not in (device for device, _ in kinds):
        parts += ['## cuda', NO_GPU if not gpu else 'not asked for.']
    if results.missing:
        lines = [f'- {k}: {v}' for k, v in sorted(results.missing.items())]
        parts += ['## Missing', '\n'.join(lines)]
    return '\n\n'.join(parts) + '\n'


def _section(results: Results, device: str, dtype: str) -> list[str]:
    """Write all tables of one device and dtype."""
    rows = [r for r in results.rows if (r.device, r.dtype) == (device, dtype)]
    counts = [
        c for c in results.counts if (c.device, c.dtype) == (device, dtype)
    ]
    tables = [
        *(times_table(rows, what) for what in TIMES),
        growth_table(rows),
        counts_table(counts),
    ]
    return [f'## {device}, {dtype}', *filter(None, tables)]


def _rounded(rows: Sequence[Any]) -> list[dict[str, Any]]:
    """Turn rows into dictionaries with six digits of each number."""
    return [
        {
            name: f'{cell:.6g}' if isinstance(cell, float) else cell
            for name, cell in vars(row).items()
        }
        for row in rows
    ]
