"""mmengine runners paused inside their training loop."""

import contextlib
import copy
import io
import itertools
from pathlib import Path
from typing import Any, Optional

import torch
from mmengine.config import Config
from mmengine.hooks import EMAHook
from mmengine.registry import DefaultScope
from mmengine.runner import EpochBasedTrainLoop, Runner
from torch import nn
from torch.utils.data import DataLoader

import sema_mm
from sema_mm import mmengine_patches

from .models import trainable

__all__ = ['HOOKS', 'MMENGINE_HOOK', 'NONE', 'OUR_HOOK', 'Stand']

OUR_HOOK = 'SwitchEMAHook'
MMENGINE_HOOK = 'mmengine EMAHook'
NONE = 'no averaging'
HOOKS: dict[str, Optional[dict[str, Any]]] = {
    NONE: None,
    MMENGINE_HOOK: {'type': 'mmengine.EMAHook', 'momentum': 0.001},
    OUR_HOOK: {'type': 'sema_mm.SwitchEMAHook', 'momentum': 0.001},
}
_numbers = itertools.count()


class _Length(DataLoader):
    """A loader of many batches, none of which is ever loaded."""

    def __init__(self) -> None:
        super().__init__([0])  # type: ignore[arg-type]

    def __len__(self) -> int:
        return 10**6


class PausedLoop(EpochBasedTrainLoop):
    """Stop before the first iteration, and leave the rest to the caller."""

    def run(self) -> nn.Module:
        """Start the training and its first epoch; return the model."""
        self.runner.call_hook('before_train')
        self.runner.call_hook('before_train_epoch')
        self.runner.model.train()
        return self.runner.model


class StayingRunner(Runner):
    """Leave the model on its device."""

    def wrap_model(self, model_wrapper_cfg: Any, model: nn.Module) -> Any:
        """Return the model as it is."""
        return model


class Stand:
    """A runner in the middle of a training, to do one thing at a time.

    All of the runner's hooks are mmengine's default ones, except for one
    that averages.

    Args:
        name (str): Key of ``HOOKS``.
        model (nn.Module): A model, of which a copy is trained.
        batch (dict): What its ``train_step`` takes.
        folder (Path): Where the runner may write.
        compiled (bool): Compile the training step, as mmengine's setting
            ``compile=True`` does. Defaults to False.

    Attributes:
        runner (Runner): The runner.
        hook (Any): Its averaging hook; None without.
    """

    def __init__(
        self,
        name: str,
        model: nn.Module,
        batch: dict[str, Any],
        folder: Path,
        compiled: bool = False,
    ) -> None:
        hook = HOOKS[name]
        scope = DefaultScope.get_current_instance()
        self.batch = batch
        self.folder = folder / f'run_{next(_numbers)}'
        self.runner = StayingRunner(
            model=copy.deepcopy(model),
            work_dir=str(self.folder),
            train_dataloader=_Length(),
            train_cfg={'type': PausedLoop, 'max_epochs': 1000},
            optim_wrapper={'optimizer': {'type': 'SGD', 'lr': 1e-9}},
            custom_hooks=[dict(hook)] if hook else [],
            default_scope=scope.scope_name if scope else 'mmengine',
            experiment_name=self.folder.name,
            log_level='ERROR',
            cfg=Config({'compile': compiled}),
        )
        mmengine_patches.install()
        kinds = (EMAHook, sema_mm.SwitchEMAHook)
        hooks = [h for h in self.runner.hooks if isinstance(h, kinds)]
        self.hook: Any = hooks[0] if hooks else None

    def start(self) -> 'Stand':
        """Start the training, up to the first iteration; return itself."""
        # The weights are random already.
        self.runner.model._is_init = True
        self.runner.train()
        return self

    def iterate(self, times: int = 1) -> None:
        """Run whole iterations: all hooks, forward and backward pass."""
        loop = self.runner.train_loop
        for _ in range(times):
            loop.run_iter(loop._iter, copy.copy(self.batch))

    def step(self) -> None:
        """Let the optimizer step without gradients, for its watchers."""
        self.runner.optim_wrapper.optimizer.step()

    def average(self) -> None:
        """Run what the averaging hook does after a step."""
        if self.hook:
            self.hook.after_train_iter(self.runner, 0, None, None)

    def step_and_average(self) -> None:
        """Step and average."""
        self.step()
        self.average()

    def begin(self) -> None:
        """Start the training and average three times."""
        self.start()
        for _ in range(3):
            self.step_and_average()

    def disturb(self) -> None:
        """Change all weights a little, as training would."""
        with torch.no_grad():
            torch._foreach_mul_(trainable(self.runner.model), 1.001)

    def switch(self) -> None:
        """Run what the averaging hook does at the end of an epoch."""
        self.hook.after_train_epoch(self.runner)

    def swap(self) -> None:
        """Run what the averaging hook does around a validation."""
        self.hook.before_val_epoch(self.runner)
        self.hook.after_val_epoch(self.runner, {})

    def save(self) -> Path:
        """Write a checkpoint; return its file."""
        self.runner.save_checkpoint(str(self.folder), 'checkpoint.pth')
        return self.folder / 'checkpoint.pth'

    def resume(self) -> None:
        """Resume from the checkpoint, averaging hook included."""
        self.runner._resume = True
        if self.hook:
            self.hook.before_run(self.runner)
        with contextlib.redirect_stdout(io.StringIO()):
            self.runner.resume(str(self.folder / 'checkpoint.pth'))
        if self.hook:
            self.hook.before_train(self.runner)
