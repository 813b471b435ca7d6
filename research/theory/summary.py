"""The summary of what the noisy quadratic model says."""

import argparse
from collections.abc import Sequence
from typing import Any

import numpy as np

import research.theory.budget as budget
from research.common.tables import markdown_table

from .rows import Row


def table(rows: Sequence[Any], **columns: str) -> str:
    """Format attributes of rows as a table; ``columns`` are its titles."""
    lines = (
        [_rounded(getattr(row, name)) for name in columns] for row in rows
    )
    return markdown_table([*columns.values()], lines).rstrip()


def _rounded(value: Any) -> Any:
    return f'{value:.4g}' if isinstance(value, float) else value


def span(values: np.ndarray) -> str:
    """Return the first and the last value of a grid."""
    return f'{values[0]:g} to {values[-1]:g}'


def summarise(
    rows: list[Row],
    best: list[budget.Best],
    windows: list[budget.Window],
    args: argparse.Namespace,
    command: str,
) -> str:
    """Describe the results.

    Args:
        rows (list[Row]): Simulated variances.
        best (list[Best]): What each method reaches.
        windows (list[Window]): What each window does.
        args (argparse.Namespace): The command line.
        command (str): The same, to repeat.

    Returns:
        str: Markdown.
    """
    largest = max(abs(row.difference) for row in rows)
    naive = [r for r in rows if r.method != 'SGD']
    off = min(abs(100 * (r.independent / r.exact - 1)) for r in naive)
    first = table(
        rows,
        sharpness='lr h',
        sgd_momentum="SGD's momentum",
        momentum='m',
        interval='k',
        method='method',
        exact='exact',
        closed_form='closed form',
        simulated='simulated',
        standard_error='standard error, %',
        difference='difference, %',
        independent='as if independent',
    )
    second = table(
        best,
        noise_kind='noise',
        noise='its variance',
        tuned='chosen',
        method='method',
        lr='lr',
        momentum='m',
        excess_loss='loss',
    )
    third = table(
        windows,
        epochs='window, epochs',
        momentum='m',
        progress='progress f',
        ema='loss of EMA',
        sema='loss of SEMA',
    )
    return f"""# The noisy quadratic model

Symbols and formulas: [research/theory](../../README.md).

## Stationary variances, simulated

{args.chains} chains of {args.steps:,} steps each, after a tenth as many;
noise of variance 1, lr 1. SEMA just after its switches. Largest difference
from the exact value: {largest:.2f} %. The formula for independent values,
m / (2 - m) times the variance of SGD, is off by {off:.0f} % or more.

{first}

## What is reached in {budget.EPOCHS} epochs of {budget.EPOCH} steps

Computed, not simulated: {len(budget.CURVATURES)} directions with curvatures
from {span(budget.CURVATURES)}, a start at distance 1 in each, a constant
learning rate: {budget.FIXED_LR}, or the best of {len(budget.LRS)} from
{span(budget.LRS)} (SGD diverges at 2). Momentum: the best of
{len(budget.MOMENTA)} from {span(budget.MOMENTA)}. Noise 'hessian': its
variance is the one given times the curvature.

{second}

## The window of the average

The first noise above, lr {budget.FIXED_LR}, a switch after each epoch.

{third}

```bash
{command}
```
"""
