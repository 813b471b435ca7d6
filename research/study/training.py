"""One training of a study, in a plain PyTorch loop."""

import contextlib
import math
from collections.abc import Iterator
from typing import Any

import torch
from mmengine.registry import OPTIMIZERS
from torch import Tensor, nn
from torch.nn import functional
from torch.optim.lr_scheduler import LambdaLR
from torch.optim.swa_utils import AveragedModel

from research.analysis.label_noise import symmetric_noise
from sema_mm import SwitchEMA
from sema_mm.averaging.batch_norm import estimate_statistics, has_batch_norm

from .data import Images, Splits
from .networks import NETWORKS
from .plan import Network, Run, Study
from .rows import Row

#: Images in a batch of the evaluation.
EVALUATED = 1000
Held = contextlib.AbstractContextManager


class Training:
    """One training with all that follows it.

    The same seed gives every method the same initial weights, order of the
    images and mirrors.

    Args:
        study (Study): The study.
        splits (Splits): The data.
        run (Run): What to train.
    """

    def __init__(self, study: Study, splits: Splits, run: Run) -> None:
        torch.manual_seed(run.seed)
        self.run, self.config, self.splits = run, study.config, splits
        self.setting: Any = study.settings[run.setting]
        model = NETWORKS[self.setting.network]()
        # torch has no annotation of this overload.
        self.model: nn.Module = model.to(  # type: ignore[call-overload]
            memory_format=torch.channels_last
        )
        self.train = labelled(splits.train, self.setting, run.seed)
        self.steps = study.steps
        self.generator = torch.Generator().manual_seed(run.seed)
        self.optimizer, self.schedule = self._optimizer()
        momenta = [run.momentum] if run.momentum else list(run.follow)
        self.averages = {m: SwitchEMA(self.model, m) for m in momenta}
        self.swa = AveragedModel(self.model)
        self.bn = has_batch_norm(self.model)

    def rows(self) -> Iterator[Row]:
        """Train, and evaluate after every epoch.

        Yields:
            Row: Every metric of every network.
        """
        for epoch in range(1, self.config.epochs + 1):
            loss = self.train_epoch(epoch)
            if epoch >= self.config.swa_begin:
                self.swa.update_parameters(self.model)
            trained = Network(self.run, self.run.method, self.run.momentum)
            yield trained.row(epoch, 'train/loss', loss)
            for network, held in self.networks(epoch):
                with held:
                    for metric, value in self._evaluate(epoch):
                        yield network.row(epoch, metric, value)

    def states(self) -> Iterator[tuple[Network, dict[str, Tensor]]]:
        """Read the networks after the training.

        Yields:
            tuple[Network, dict]: A network, and the state of the model.
        """
        for network, held in self.networks(self.config.epochs):
            with held:
                state = self.model.state_dict()
                yield (
                    network,
                    {
                        name: t.clone(memory_format=torch.contiguous_format)
                        for name, t in state.items()
                    },
                )

    def networks(self, epoch: int) -> Iterator[tuple[Network, Held]]:
        """List what there is to evaluate.

        Args:
            epoch (int): The epoch that has ended.

        Yields:
            tuple[Network, contextmanager]: A network, and a context in which
            the model holds it.
        """
        run = self.run
        if run.method != 'sema':
            network = Network(run, run.method, None)
            yield network, contextlib.nullcontext()
        if run.method == 'baseline':
            yield Network(run, 'swa', None), self._swa_held(epoch)
        name = 'sema' if run.method == 'sema' else 'ema'
        for momentum, average in self.averages.items():
            network = Network(run, name, momentum)
            yield network, average.swapped(self.model)
            if self.bn:
                network = Network(run, f'{name}-bn', momentum)
                yield network, self._recalibrated(average)

    def train_epoch(self, epoch: int) -> float:
        """Train for one epoch.

        Args:
            epoch (int): The epoch, counted from 1.

        Returns:
            float: Mean loss of its batches.
        """
        self.model.train()
        total = 0.0
        size = self.config.batch_size
        start = (epoch - 1) * self.steps
        batches = self.train.shuffled(size, self.generator)
        for step, (images, labels) in enumerate(batches, start + 1):
            loss = functional.cross_entropy(self.model(images), labels)
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            self.schedule.step()
            total += float(loss.detach())
            for average in self.averages.values():
                average.update_parameters(self.model)
                if self.run.interval and step % self.run.interval == 0:
                    average.switch_parameters(self.model)
        return total / self.steps

    def _optimizer(self) -> tuple[Any, LambdaLR]:
        options = {**self.setting.optimizer, 'params': self.model.parameters()}
        base = OPTIMIZERS.build(options)
        schedule = LambdaLR(base, self._factor)
        if self.run.method != 'lookahead':
            return base, schedule
        # Imported here, as nothing else needs it.
        from timm.optim import Lookahead

        return Lookahead(base, **self.config.lookahead), schedule

    def _factor(self, step: int) -> float:
        warmup = self.setting.get('warmup_epochs', 0) * self.steps
        if step < warmup:
            return (step + 1) / warmup
        if self.setting.schedule == 'constant':
            return 1.0
        total = self.config.epochs * self.steps
        return (1 + math.cos(math.pi * (step - warmup) / (total - warmup))) / 2

    @contextlib.contextmanager
    def _swa_held(self, epoch: int) -> Iterator[None]:
        # Until it has begun, what a user of SWA has is the model.
        if epoch < self.config.swa_begin:
            yield
            return
        kept = [p.detach().clone() for p in self.model.parameters()]
        _write(self.model.parameters(), self.swa.module.parameters())
        try:
            with self._statistics():
                yield
        finally:
            _write(self.model.parameters(), kept)

    @contextlib.contextmanager
    def _recalibrated(self, average: SwitchEMA) -> Iterator[None]:
        with average.swapped(self.model), self._statistics():
            yield

    @contextlib.contextmanager
    def _statistics(self) -> Iterator[None]:
        """Hold statistics of BatchNorm that belong to the weights."""
        generator = torch.Generator().manual_seed(self.run.seed)
        size = self.config.batch_size
        some = self.train.part(slice(self.config.recalibration_batches * size))
        found = estimate_statistics(
            self.model,
            some.shuffled(size, generator),
            lambda batch: self.model(batch[0]),
        )
        buffers = dict(self.model.named_buffers())
        kept = {name: buffers[name].clone() for name in found}
        for name, value in found.items():
            buffers[name].copy_(value)
        try:
            yield
        finally:
            for name, value in kept.items():
                buffers[name].copy_(value)

    @torch.inference_mode()
    def _evaluate(self, epoch: int) -> Iterator[tuple[str, float]]:
        self.model.eval()
        # The validation chooses by the last epoch.
        last = epoch == self.config.epochs
        for name in ('val', 'test') if last else ('test',):
            split: Images = getattr(self.splits, name)
            loss, right = 0.0, 0
            for images, labels in split.batches(EVALUATED):
                logits = self.model(images)
                losses = functional.cross_entropy(
                    logits, labels, reduction='sum'
                )
                loss += float(losses)
                right += int((logits.argmax(1) == labels).sum())
            yield f'{name}/accuracy', 100 * right / len(split.labels)
            yield f'{name}/loss', loss / len(split.labels)


def labelled(train: Images, setting: Any, seed: int) -> Images:
    """Replace labels at random if the setting has label noise."""
    rate = setting.get('label_noise', 0)
    labels = symmetric_noise(train.labels, rate, 10, seed)
    return Images(train.images, labels)


@torch.no_grad()
def _write(targets: Any, sources: Any) -> None:
    for target, source in zip(targets, sources):
        target.copy_(source)
