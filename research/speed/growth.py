"""How the cost of a step grows with the number and the size of tensors."""

from pathlib import Path
from typing import Optional

import torch

from .measure import Pace
from .models import Synthetic, cast
from .peers import GUARDED, MMENGINE, OURS
from .results import Results
from .rows import Subject
from .suites import Bench

__all__ = ['CONTESTANTS', 'grow', 'sizes']

CONTESTANTS = (
    OURS,
    GUARDED,
    MMENGINE,
    'timm ModelEmaV3',
    'torch AveragedModel, foreach',
)
TENSORS = (10, 100, 1000, 5000)
MEGABYTES = (1, 10, 100, 1000)
#: Copies of the model at one time: itself, the floors', the contestants'.
COPIES = 5 + len(CONTESTANTS)


def sizes(quick: bool, largest: int) -> list[tuple[int, int]]:
    """Return numbers of tensors, each with the megabytes of all."""
    if quick:
        return [(10, 1), (100, 1)]
    steps = [m for m in MEGABYTES if m < largest] + [largest]
    return [(tensors, size) for size in steps for tensors in TENSORS]


def grow(
    tensors: int,
    megabytes: int,
    device: str,
    pace: Pace,
    folder: Path,
    results: Results,
) -> None:
    """Time a step with tensors of one size, where the memory is enough.

    Args:
        tensors (int): How many.
        megabytes (int): Size of all.
        device (str): Where.
        pace (Pace): How long to measure.
        folder (Path): Where runners could write.
        results (Results): Where the findings go.
    """
    free, need = _free_megabytes(device), COPIES * megabytes * 1.1
    if free is not None and need > free:
        results.missing[f'growth at {megabytes} MB on {device}'] = (
            f'needs {need / 1000:.0f} GB of memory, {free / 1000:.0f} GB '
            'were free'
        )
        return
    model = cast(Synthetic(tensors, megabytes), device, torch.float32)
    subject = Subject(device, 'float32', 'synthetic', tensors, megabytes)
    bench = Bench(subject, model, {}, pace, folder, results)
    bench.steps(CONTESTANTS)


def _free_megabytes(device: str) -> Optional[float]:
    """Free memory; None where it is not known."""
    if device == 'cuda':
        return torch.cuda.mem_get_info()[0] / 1e6
    file = Path('/proc/meminfo')
    if not file.is_file():
        return None
    for line in file.read_text().splitlines():
        if line.startswith('MemAvailable:'):
            return int(line.split()[1]) * 1024 / 1e6
    return None
