"""Hooks and data that break a run on purpose."""

import json
import os
import time
from pathlib import Path

import numpy as np
import torch
import torch.distributed as dist
from mmengine.hooks import Hook

from sema_mm.checkpointing import whole_files as files
from tests.helpers.toy import ToyData


def _rank() -> int:
    return dist.get_rank() if dist.is_initialized() else 0


class Poison(Hook):
    """Puts a value into gradients or weights, on some ranks.

    ``where`` is 'gradient' or 'weight'; iterations count from 1.
    """

    def __init__(self, where, value, first, last=10**9, rank=None):
        self.where, self.value = where, float(value)
        self.first, self.last, self.rank = first, last, rank
        self.handle = self.good = None

    def _due(self, runner) -> bool:
        here = self.rank is None or self.rank == _rank()
        return here and self.first <= runner.iter + 1 <= self.last

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        weight = next(runner.model.parameters())
        if self.handle is not None:
            self.handle.remove()
        if self.good is not None:
            weight.data.copy_(self.good)
            self.good = None
        if self.where == 'gradient' and self._due(runner):
            self.handle = weight.register_hook(lambda g: g * self.value)

    def after_train_iter(self, runner, batch_idx, **kwargs):
        if self.where == 'weight' and self._due(runner):
            weight = next(runner.model.parameters())
            self.good = weight.detach().clone()
            weight.data.view(-1)[0] = self.value


class Leave(Hook):
    """Kills a rank, or lets it sleep, in an iteration."""

    def __init__(self, rank, iteration, seconds=None):
        self.rank, self.iteration = rank, iteration
        self.seconds = seconds

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        if runner.iter + 1 == self.iteration and _rank() == self.rank:
            if self.seconds is None:
                os.kill(os.getpid(), 9)
            time.sleep(self.seconds)


class FullDisk(Hook):
    """Makes a file name lead to a device that is always full."""

    def __init__(self, name, epoch, temporary):
        self.name, self.epoch, self.temporary = name, epoch, temporary

    def before_train_epoch(self, runner):
        if runner.epoch + 1 == self.epoch:
            path = Path(runner.work_dir) / self.name
            path = files.temporary(path) if self.temporary else path
            path.symlink_to('/dev/full')


class Remove(Hook):
    """Removes a file before an epoch."""

    def __init__(self, path, epoch):
        self.path, self.epoch = Path(path), epoch

    def before_train_epoch(self, runner):
        if runner.epoch + 1 == self.epoch:
            self.path.unlink(missing_ok=True)  # Another rank was first.


class FileData(ToyData):
    """The toy data, each image in a file of its own, with a list."""

    def __init__(self, folder, size=24):
        super().__init__(size)
        self.folder = Path(folder)
        names = json.loads((self.folder / 'annotations.json').read_text())
        self.files = [self.folder / name for name in names]

    def __getitem__(self, index):
        image = torch.from_numpy(np.load(self.files[index]))
        return dict(inputs=image, label=self.labels[index])

    @classmethod
    def write(cls, folder: Path, size: int = 24) -> None:
        """Write the files."""
        folder.mkdir()
        data, names = ToyData(size), []
        for index, image in enumerate(data.images):
            names.append(f'{index:02d}.npy')
            np.save(folder / names[-1], image.numpy())
        (folder / 'annotations.json').write_text(json.dumps(names))
