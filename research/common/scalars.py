"""The scalars that mmengine logs, as rows of one number each."""

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Optional

__all__ = ['Scalar', 'find_logs', 'read_log', 'read_scalars']

#: What says where a line is, and is no metric.
PLACES = ('step', 'epoch', 'iter')


@dataclasses.dataclass(frozen=True)
class Scalar:
    """One logged number.

    Attributes:
        run (str): Folder of the run's start, such as
            ``work_dir/20261125_192919``; a resumed run has several.
        kind (str): 'train' or 'val'.
        epoch (int, optional): Of training, the epoch, counted from 1; of a
            validation, that of the training before it. None if there is
            none.
        step (int): Of training, the iteration, counted from 1; of a
            validation, what mmengine logs: the epoch, or the iteration where
            ``LoggerHook(log_metric_by_epoch=False)``.
        metric (str): Its name.
        value (float): Its value; NaN if it was logged as such.
    """

    run: str
    kind: str
    epoch: Optional[int]
    step: int
    metric: str
    value: float


def find_logs(folder: Path) -> list[Path]:
    """Find the logged scalars of all runs below a folder.

    Args:
        folder (Path): A work_dir, or a folder of them.

    Returns:
        List[Path]: The files of mmengine's ``LocalVisBackend``, in the order
        of their names, which is that of time within a work_dir.

    Raises:
        FileNotFoundError: If there is none.
    """
    logs = sorted(Path(folder).rglob('vis_data/scalars.json'))
    if not logs:
        raise FileNotFoundError(
            f'no vis_data/scalars.json below {folder}: name the work_dir of '
            'a run that has logged something'
        )
    return logs


def read_log(file: Path) -> list[dict[str, float]]:
    """Read the lines of a file, each of which has to be whole.

    Args:
        file (Path): A ``scalars.json``: a JSON object in each line, of names
            and numbers.

    Returns:
        List[Dict[str, float]]: The objects.

    Raises:
        ValueError: If a line is something else, or if there is none.
    """
    lines = Path(file).read_text().splitlines()
    if not lines:
        raise ValueError(f'{file} is empty')
    return [_parse(file, i, line) for i, line in enumerate(lines, 1)]


def read_scalars(folder: Path) -> Iterator[Scalar]:
    """Read all that was logged below a folder.

    Args:
        folder (Path): A work_dir, or a folder of them.

    Yields:
        Scalar: The rows, in the order of :func:`find_logs` and of the lines.
    """
    for file in find_logs(folder):
        epoch = None
        for line in read_log(file):
            trains = 'iter' in line or 'epoch' in line
            if 'epoch' in line:
                epoch = int(line['epoch'])
            for name, value in line.items():
                if name not in PLACES:
                    yield Scalar(
                        str(file.parents[1]),
                        'train' if trains else 'val',
                        epoch,
                        int(line['step']),
                        name,
                        float(value),
                    )


def _parse(file: Path, number: int, line: str) -> dict[str, float]:
    """Check a line.

    Args:
        file (Path): Its file.
        number (int): Its number, from 1.
        line (str): The line.

    Returns:
        Dict[str, float]: What it says.

    Raises:
        ValueError: If it is broken.
    """
    where = f'{file}, line {number}'
    try:
        found = json.loads(line)
    except ValueError as error:
        raise ValueError(
            f'{where} is no JSON: {error}; {line[-40:]!r} is its end'
        ) from None
    if not isinstance(found, dict) or 'step' not in found:
        raise ValueError(f'{where} is no JSON object with a "step": {line!r}')
    for name, value in found.items():
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise ValueError(f'{where}: {name} is no number: {value!r}')
        if name in PLACES and not isinstance(value, int):
            raise ValueError(f'{where}: {name}={value} is no whole number')
    return found
