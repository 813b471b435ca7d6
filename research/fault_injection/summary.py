"""The summary of a campaign."""

import collections

from research.common.tables import markdown_table

from .rows import Row
from .slow_disk import IN_A_SAVE

__all__ = ['summarise']

TEXT = """# Runs killed and resumed

{equal} of {runs} runs that were killed with SIGKILL at a random moment, and
resumed, ended bit for bit like the run that was not: {kills} kills, of which
{saves} fell into a save, between the first byte on the disk and the removal of
what was outdated.
"""
END = """
Each run trains a small Wide ResNet on digits with random crops, Mixup,
dropout, an accumulation of two over an odd number of iterations, Switch EMA,
a validation and a best checkpoint; `SafeCheckpointHook` keeps one checkpoint.
*epochs*: by epochs; *workers*: with two processes that load data;
*iterations*: by iterations. The disk waits {delay} seconds before every call,
so that kills meet saves. Compared are the last and the best checkpoint (the
average, the weights of training, optimizer, scheduler, counters, random
states, histories of losses and metrics), and the model, average, optimizer
and scheduler in the memory at the end. Left out are times, paths, and the
metric of the weights before a switch (`top1_origin`): they are in no
checkpoint, so a validation that the resume repeats cannot have it.

Each process is a fork of one that has imported everything, so no kill falls
into an import. `rows.csv` has a row for each kill: what the process was
doing, by its journal; what was on the disk right after; what the next process
went on from. `environment.json` is the machine. Made by

```bash
{command}
```
"""


def summarise(rows: list[Row], delay: float, command: str) -> str:
    """Return the summary as Markdown."""
    kills = [row for row in rows if row.killed]
    text = TEXT.format(
        equal=len({row.run for row in kills if row.equal}),
        runs=len({row.run for row in kills}),
        kills=len(kills),
        saves=sum(row.in_a_save for row in kills),
    )
    text += _table('where the kill fell', [_place(row) for row in kills])
    text += _table('the run', [row.kind for row in kills])
    text += _table(
        'the next process went on from', [_source(r) for r in kills]
    )
    return text + END.format(delay=delay, command=command)


def _table(title: str, values: list[str]) -> str:
    counts = sorted(collections.Counter(values).items())
    return '\n' + markdown_table([title, 'kills'], counts)


def _place(row: Row) -> str:
    if row.phase not in IN_A_SAVE:
        return row.phase
    return f'in a save: {row.phase}'


def _source(row: Row) -> str:
    if row.chose in ('nothing', 'killed before'):
        return {
            'nothing': 'the beginning: there was no checkpoint',
            'killed before': 'nothing: killed before it read a checkpoint',
        }[row.chose]
    if row.chose == row.last_checkpoint:
        return 'the checkpoint that `last_checkpoint` named'
    return 'a newer checkpoint than `last_checkpoint` named'
