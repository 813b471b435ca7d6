"""Checkpoints that survive a kill, for an exact resume."""

import contextlib
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Optional

from mmengine.dist import all_gather_object, is_main_process
from mmengine.fileio import LocalBackend
from mmengine.hooks import CheckpointHook
from mmengine.logging import print_log
from mmengine.registry import HOOKS
from mmengine.runner import IterBasedTrainLoop, Runner

from .. import mmengine_patches
from ..checkpointing import whole_files as files
from ..checkpointing.atomic_runner import (
    AtomicRunner,
    DeferredDeleteBackend,
    raise_on_all_ranks,
)
from ..checkpointing.hook_protocol import has_diverged
from ..checkpointing.latest_checkpoint import use_latest_checkpoint
from ..checkpointing.random_state import get_random_state, set_random_state
from ..checkpointing.training_state import TrainingState

__all__ = ['SafeCheckpointHook']


#: Name of a checkpoint in the middle of an epoch.
INTERRUPTED = 'interrupted.pth'


@HOOKS.register_module()
class SafeCheckpointHook(CheckpointHook):
    """mmengine's CheckpointHook with atomic saves and an exact resume.

    A checkpoint is written under a temporary name, flushed to the disk and
    renamed; ``last_checkpoint`` is replaced the same way, and only then are
    outdated checkpoints removed. mmengine's own hook removes the old one first
    and writes the new one in place, so that a kill in between leaves nothing
    to resume from. Folders that are not on a local disk are written as
    mmengine does; those that several machines write to must be shared.

    The checkpoint also holds what mmengine's lacks (:class:`TrainingState`),
    and validation does not advance the random numbers of training. A resumed
    run therefore ends with the same weights, bit for bit, as one that was not
    stopped: measured on a CPU with 100 runs killed at random moments, in loops
    of epochs and of iterations, and with two processes
    (``research/fault_injection/results/kill_cpu_202611``). Where that cannot
    be, the log says why. A validation that the stop may have cut off is run at
    the resume. The weights before a switch are in no checkpoint, so that the
    metrics of ``evaluate_on_origin`` of :class:`SwitchEMAHook` may differ in
    this validation.

    ``resume=True`` goes on from the newest checkpoint that can be read; a
    damaged one is named in the log and renamed to ``*.damaged``.
    ``FlexibleRunner`` loads what ``last_checkpoint`` names before any hook
    runs, so call :func:`use_latest_checkpoint` before its ``train``.

    All arguments are those of :class:`mmengine.hooks.CheckpointHook`.

    Examples:
        >>> default_hooks = dict(
        ...     checkpoint=dict(type='sema_mm.SafeCheckpointHook', interval=1)
        ... )
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.file_backend: Any = None
        self._state: Optional[TrainingState] = None
        self._loaded: Optional[TrainingState] = None
        self._resumed: Optional[TrainingState] = None
        self._random: Optional[dict] = None
        self._metrics: Optional[dict] = None
        self._position: dict[str, int] = {}
        self._is_local = False

    def before_run(self, runner: Runner) -> None:
        """Choose the checkpoint to resume from."""
        mmengine_patches.install()
        use_latest_checkpoint(runner, self.filename_tmpl)

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Take the state of training out of a checkpoint."""
        if runner._resume:
            self._loaded = TrainingState.from_checkpoint(
                checkpoint.get('training_state')
            )

    def before_train(self, runner: Runner) -> None:
        """Prepare the folder; restore the state of a checkpoint."""
        super().before_train(runner)
        self._is_local = isinstance(self.file_backend, LocalBackend)
        if self._is_local:
            self._prepare(Path(self.out_dir))
        if self._loaded is not None and runner.iter > 0:
            self._resume(runner, self._loaded)
        self._loaded = None

    def before_train_epoch(self, runner: Runner) -> None:
        """Go on with the data and random numbers of the checkpoint."""
        if self._resumed is not None:
            mmengine_patches.continue_data(
                runner.train_loop,
                self._resumed.batches,
                self._resumed.restore_randomness,
            )
            self._resumed = None

    def before_val(self, runner: Runner) -> None:
        """Keep the random numbers of training."""
        self._random = get_random_state()

    def after_val_epoch(
        self, runner: Runner, metrics: Optional[dict[str, float]] = None
    ) -> None:
        """Restore the random numbers, and save the best checkpoint."""
        if self._random is not None:
            set_random_state(self._random)
        self._metrics = metrics
        self._position = dict(epoch=runner.epoch, iter=runner.iter)
        super().after_val_epoch(runner, metrics)
        self._metrics, self._position = None, {}

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Add the state of training, gathered from all ranks before."""
        # FlexibleRunner writes the next one after a validation.
        checkpoint['meta'].update(self._position)
        if self._state is not None:
            checkpoint['training_state'] = self._state.state_dict(
                with_gradients='optimizer' in checkpoint
            )

    def save_interrupted(self, runner: Runner) -> None:
        """Save after an iteration in an epoch. Call it on every rank."""
        if _diverged(runner):
            return
        done = runner.iter + 1
        batches = 0
        if not isinstance(runner.train_loop, IterBasedTrainLoop):
            batches = done - runner.epoch * len(runner.train_dataloader)
        meta = dict(epoch=runner.epoch, iter=done)
        self._save(runner, INTERRUPTED, meta, by_epoch=False, batches=batches)

    def _save_checkpoint_with_step(
        self, runner: Runner, step: int, meta: dict
    ) -> None:
        if _diverged(runner):
            return
        outdated = self._keep(runner, step)
        best = getattr(self.file_backend, 'outdated', [])
        names = [*outdated, *(Path(path).name for path in best)]
        runner.message_hub.update_info('outdated_ckpts', names)
        name = self.filename_tmpl.format(step)
        meta = {**meta, **self._position}
        self._save(runner, name, meta, by_epoch=self.by_epoch)
        if is_main_process():
            for path in (*outdated, INTERRUPTED):
                self._remove(path)

    def _save(
        self,
        runner: Runner,
        name: str,
        meta: dict,
        by_epoch: bool,
        batches: int = 0,
    ) -> None:
        """Write a checkpoint, and name it in ``last_checkpoint``."""
        self._state = TrainingState.gather(runner, batches, self._metrics)
        self.last_ckpt = self.file_backend.join_path(self.out_dir, name)
        runner.message_hub.update_info('last_ckpt', self.last_ckpt)
        self._position = meta
        with self._writer(runner) as writer:
            writer.save_checkpoint(
                self.out_dir,
                name,
                self.file_client_args,
                save_optimizer=self.save_optimizer,
                save_param_scheduler=self.save_param_scheduler,
                meta=dict(meta),
                by_epoch=by_epoch,
                backend_args=self.backend_args,
                **self.args,
            )
        self._state, self._position = None, {}
        pointer = Path(runner.work_dir) / 'last_checkpoint'
        with raise_on_all_ranks(f'{pointer} could not be written'):
            if is_main_process():
                files.write_text(pointer, str(self.last_ckpt))

    def _save_best_checkpoint(self, runner: Runner, metrics: dict) -> None:
        if not self._is_local:
            super()._save_best_checkpoint(runner, metrics)
            return
        backend, deferred = self.file_backend, DeferredDeleteBackend()
        self.file_backend = deferred
        try:
            with self._writer(runner) as writer:
                super()._save_best_checkpoint(writer, metrics)
        finally:
            self.file_backend = backend
        if is_main_process():
            for path in deferred.outdated:
                if Path(path).name not in self._best_names():
                    files.remove(Path(path))

    def _best_names(self) -> set[str]:
        """Return the names of the best checkpoints."""
        several = getattr(self, 'best_ckpt_path_dict', {})
        paths = (getattr(self, 'best_ckpt_path', None), *several.values())
        return {Path(path).name for path in paths if path}

    @contextlib.contextmanager
    def _writer(self, runner: Runner) -> Iterator[Any]:
        if isinstance(runner, AtomicRunner) or not self._is_local:
            yield runner
            return
        with mmengine_patches.save_directly():
            yield AtomicRunner(runner)

    def _remove(self, name: str) -> None:
        path = self.file_backend.join_path(self.out_dir, name)
        if self.file_backend.isdir(path):
            self.file_backend.rmtree(path)
        elif self.file_backend.isfile(path):
            self.file_backend.remove(path)

    def _prepare(self, folder: Path) -> None:
        """Check that the folder is writable; finish interrupted saves."""
        with raise_on_all_ranks(f'no checkpoint can be written in {folder}'):
            if is_main_process():
                files.check_writable(folder)
                files.recover(folder)
                files.remove_temporary(folder)

    def _resume(self, runner: Runner, state: TrainingState) -> None:
        """Restore what the checkpoint holds, and validate if it is due."""
        for reason in state.resume_caveats(runner):
            print_log(
                f'The resume is not exact: {reason}.',
                logger='current',
                level=logging.WARNING,
            )
        state.restore_counters(runner)
        state.restore_gradients(runner.model)
        state.restore_buffers(runner.model)
        state.restore_randomness()
        self._resumed = state
        self._finish_save(runner)
        if state.metrics is not None:
            for hook in runner.hooks[runner.hooks.index(self) + 1 :]:
                hook.after_val_epoch(runner, metrics=dict(state.metrics))
        elif state.batches == 0 and _validation_due(runner):
            _step_back(runner)
            runner.val_loop.run()

    def _finish_save(self, runner: Runner) -> None:
        """Remove the checkpoints that the loaded one made outdated."""
        # mmengine saves anew after a validation only what it has saved.
        self.last_ckpt = runner.message_hub.get_info('last_ckpt')
        pointer = Path(runner.work_dir) / 'last_checkpoint'
        if not (is_main_process() and self.last_ckpt and pointer.exists()):
            return
        loaded = Path(self.last_ckpt).name
        if Path(pointer.read_text().strip()).name != loaded:
            return  # It is not the latest one.
        outdated = runner.message_hub.get_info('outdated_ckpts', [])
        for name in {*outdated, INTERRUPTED} - {loaded, *self._best_names()}:
            self._remove(name)

    def _keep(self, runner: Runner, step: int) -> list[str]:
        """Record a step; return the names of checkpoints to remove."""
        kept = getattr(self, 'keep_ckpt_ids', None)
        if kept is None or (kept and kept[-1] == step):
            return []
        outdated = [kept.popleft()] if len(kept) == kept.maxlen else []
        kept.append(step)
        runner.message_hub.update_info('keep_ckpt_ids', list(kept))
        return [self.filename_tmpl.format(one) for one in outdated]


def _diverged(runner: Runner) -> bool:
    """Return whether the weights of any rank are not finite; log it."""
    found = any(all_gather_object(has_diverged(runner)))
    if found:
        print_log(
            'The weights are not finite: no checkpoint is written, and the '
            'one before is kept.',
            logger='current',
            level=logging.WARNING,
        )
    return found


def _validation_due(runner: Runner) -> bool:
    """Return whether the run that stopped validated here, or was about to."""
    loop = runner.train_loop
    if runner.val_loop is None:
        return False
    loop._decide_current_val_interval()
    by_iter = isinstance(loop, IterBasedTrainLoop)
    done, total = (
        (loop.iter, loop.max_iters)
        if by_iter
        else (loop.epoch, loop.max_epochs)
    )
    on_time = done % loop.val_interval == 0 or done == total
    return done >= loop.val_begin and on_time


def _step_back(runner: Runner) -> None:
    """Set the message hub to the last step, as in a validation."""
    runner.message_hub.update_info('iter', runner.iter - 1)
    if not isinstance(runner.train_loop, IterBasedTrainLoop):
        runner.message_hub.update_info('epoch', runner.epoch - 1)
