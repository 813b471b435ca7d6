"""A small real training for the tests: model, data and runner."""

import copy
import functools
from typing import Any, Optional

import torch
from mmengine.config import Config
from mmengine.dataset import DefaultSampler, InfiniteSampler
from mmengine.evaluator import BaseMetric
from mmengine.model import BaseModel
from mmengine.runner import Runner
from mmengine.visualization import Visualizer
from torch import nn
from torch.utils.data import Dataset

_names = iter(range(10**9))


class ToyData(Dataset):
    """Images of two classes, shape (1, 6, 6), made from a fixed seed."""

    METAINFO = dict(classes=('no', 'yes'))

    def __init__(self, size: int = 24) -> None:
        generator = torch.Generator().manual_seed(7)
        self.images = torch.randn(size, 1, 6, 6, generator=generator)
        self.labels = (self.images.mean((1, 2, 3)) > 0).long()

    @property
    def metainfo(self):
        return copy.deepcopy(self.METAINFO)

    def __len__(self):
        return len(self.images)

    def __getitem__(self, index):
        return dict(inputs=self.images[index], label=self.labels[index])


class ToyModel(BaseModel):
    """Convolution, BatchNorm and a linear head."""

    def __init__(self, classes: int = 2, tail: Optional[nn.Module] = None):
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 3)
        self.bn = nn.BatchNorm2d(4)
        self.head = nn.Linear(4, classes)
        self.tail = tail

    def forward(self, inputs, label=None, mode='tensor'):
        if isinstance(inputs, list):
            inputs, label = torch.stack(inputs), torch.stack(label)
        x = self.head(self.bn(self.conv(inputs)).relu().mean((2, 3)))
        if self.tail is not None:
            x = self.tail(x)
        if mode == 'loss':
            return dict(loss=nn.functional.cross_entropy(x, label))
        if mode == 'predict':
            return list(zip(x.softmax(1), label))
        return x


class ToyMetric(BaseMetric):
    """Accuracy, and the mean score of the right class (fine-grained)."""

    default_prefix = 'toy'

    def process(self, data_batch, data_samples):
        for score, label in data_samples:
            self.results.append(
                (float(score[label]), int(score.argmax() == label))
            )

    def compute_metrics(self, results):
        scores, hits = zip(*results)
        return dict(score=sum(scores) / len(scores), acc=sum(hits) / len(hits))


def loader(size=24, batch_size=4, shuffle=True, infinite=False, **kwargs):
    """Configuration of a loader over :class:`ToyData`."""
    sampler = InfiniteSampler if infinite else DefaultSampler
    return dict(
        dataset=ToyData(size),
        sampler=dict(type=sampler, shuffle=shuffle),
        batch_size=batch_size,
        num_workers=0,
        **kwargs,
    )


def build_runner(work_dir, hook=None, epochs=3, iters=None, **changes: Any):
    """Build a runner: epoch-based, or iteration-based when iters is given.

    ``hook`` is one hook's configuration or a list; ``changes`` replace
    arguments of the runner.
    """
    torch.manual_seed(3)
    hooks = [] if hook is None else hook if isinstance(hook, list) else [hook]
    hooks = [dict(h) if isinstance(h, dict) else h for h in hooks]
    by_epoch = iters is None
    train_cfg = (
        dict(by_epoch=True, max_epochs=epochs)
        if by_epoch
        else dict(by_epoch=False, max_iters=iters, val_interval=5)
    )
    arguments = dict(
        model=ToyModel(),
        work_dir=str(work_dir),
        train_dataloader=loader(infinite=not by_epoch),
        val_dataloader=loader(size=12, shuffle=False),
        optim_wrapper=dict(optimizer=dict(type='SGD', lr=0.1, momentum=0.9)),
        param_scheduler=dict(
            type='CosineAnnealingLR', by_epoch=False, T_max=iters or epochs * 6
        ),
        train_cfg=train_cfg,
        val_cfg=dict(),
        val_evaluator=dict(type=ToyMetric),
        default_hooks=dict(
            checkpoint=dict(
                type='CheckpointHook', interval=1, by_epoch=by_epoch
            ),
            logger=dict(type='LoggerHook', interval=2),
        ),
        custom_hooks=hooks,
        randomness=dict(seed=5),
        default_scope='mmengine',
        experiment_name=f'toy_{next(_names)}',
        log_level='WARNING',
        visualizer=_visualizer(),
    )
    arguments.update(changes)
    arguments['cfg'] = Config(
        {k: v for k, v in arguments.pop('cfg', {}).items()}
    )
    runner_type = arguments.pop('runner_type', Runner)
    return runner_type(**arguments)


@functools.lru_cache
def _visualizer():
    """Build one visualizer for all runners: its figure takes half of it."""
    return Visualizer.get_instance('toy')


def find_hook(runner, kind):
    """Return the runner's hook of a class."""
    return next(h for h in runner.hooks if isinstance(h, kind))
