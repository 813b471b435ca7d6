"""A converted checkpoint, described in lines of text."""

import torch

from ..sharding.model_tensors import STATISTICS
from .found import Found
from .model_check import Fit


def describe(path: str, found: Found, left_out: list[str]) -> str:
    """Describe the content of a checkpoint.

    Args:
        path (str): The file.
        found (Found): Its content.
        left_out (List[str]): Entries that the result does not have.

    Returns:
        str: Lines of text, with all unmatched names.
    """
    average = found.average is not None
    own = len(found.average or {}) - len(found.copied) if average else 0
    rows = {'averaged': own, 'copied': len(found.copied)}
    if average and found.origin is None:
        rows = {'average alone': len(found.average or {})}
    elif not average:
        rows = {'weights': len(found.origin or {})}
    rows['renamed'] = len(found.renamed)
    rows['unmatched'] = len(found.unmatched)
    lines = [f'{path}: {found.kind}']
    lines += [f'  {name:<14}{number}' for name, number in rows.items()]
    if average:
        lines.append(
            f'  {"updates":<14}{found.steps or "unknown: 1 is noted"}'
        )
    lines += [f'  {name:<14}{text}' for name, text in found.notes.items()]
    lines += _listed('left out', left_out)
    lines += _listed('unmatched, kept under their names', found.unmatched)
    lines += _listed('without an average', _lacking(found))
    return '\n'.join(lines)


def describe_fit(config: str, fit: Fit) -> str:
    """Describe how weights fit the model of a config, with all names."""
    if fit.is_exact:
        return f'fits the model of {config}: all {fit.total} names'
    lines = [f'does not fit the model of {config} ({fit.total} names)']
    lines += _listed('missing', fit.missing)
    lines += _listed('unexpected', fit.unexpected)
    lines += _listed('of another shape', fit.misshapen)
    return '\n'.join(lines)


def _lacking(found: Found) -> list[str]:
    """List the weights that could have an average, and have none."""
    origin = found.origin
    if found.average is None or origin is None:
        return []
    return [
        key
        for key in found.copied
        if key.rpartition('.')[2] not in STATISTICS
        and torch.is_tensor(origin[key])
        and origin[key].is_floating_point()
    ]


def _listed(title: str, texts: list[str]) -> list[str]:
    return [f'  {title}:', *(f'    {text}' for text in texts)] if texts else []
