"""Checkpoint on preemption, and request a requeue."""

import os
import signal
import sys
import threading
from collections.abc import Sequence
from multiprocessing.util import register_after_fork
from typing import Any, Optional, Union

import torch
from mmengine.dist import all_reduce, get_comm_device, get_world_size
from mmengine.hooks import Hook
from mmengine.logging import print_log
from mmengine.registry import HOOKS
from mmengine.runner import Runner

from ..averaging.arguments import check_count
from .safe_checkpoint_hook import SafeCheckpointHook

__all__ = ['PreemptionHook']


@HOOKS.register_module()
class PreemptionHook(Hook):
    """Finish the iteration, save, and exit on a signal of the scheduler.

    Slurm sends SIGTERM before it ends a job (``scancel``, a time limit, a
    preemption), and any signal earlier with ``--signal=USR1@180``; torchrun
    passes SIGTERM on. The checkpoint is ``interrupted.pth``, written by
    :class:`SafeCheckpointHook`; ``--resume`` goes on from it in the middle
    of the epoch.

    The exit code of each process, and so of ``srun``, tells a job script to
    requeue. That of torchrun is 1 all the same. docs/en/launching.md has
    both.

    All ranks must stop after the same iteration, and a signal may reach only
    some: they agree every ``interval`` iterations, and before an epoch ends.
    None exits before the checkpoint is written. A signal that comes during
    validation waits for its end; one that comes before the training begins
    has its usual effect.

    Launchers signal all processes of a job, and torch ends a run one of
    whose data workers was ended. Workers that are forked, as mmengine's are
    by default, therefore obey these signals only when their own process
    sends them, where the system can tell who did (Linux).

    Args:
        signals (Sequence[str], optional): Names of the signals. None:
            SIGTERM and SIGUSR1, as far as the system has them. Defaults to
            None.
        interval (int): Iterations between two agreements of several ranks; a
            single process acts after every iteration. Defaults to 10.
        exit_code (int): Exit code of the process, 1 to 125. Defaults to 75,
            the system's code for a failure that a later try may mend.

    Raises:
        ValueError: If an argument is out of its range.

    Examples:
        >>> custom_hooks = [dict(type='sema_mm.PreemptionHook')]
    """

    priority = 'LOWEST'

    def __init__(
        self,
        signals: Optional[Sequence[str]] = None,
        interval: int = 10,
        exit_code: int = 75,
    ) -> None:
        check_count('interval', interval, 1)
        check_count('exit_code', exit_code, 1)
        if exit_code > 125:
            raise ValueError(f'exit_code must be 1 to 125, not {exit_code}')
        known = {one.name for one in signal.Signals}
        if signals is None:
            signals = sorted(known & {'SIGTERM', 'SIGUSR1'})
        for name in signals:
            if name not in known:
                raise ValueError(
                    f'signals holds {name!r}, which is no signal of this '
                    "system: write names such as 'SIGTERM'"
                )
        self.signals = [signal.Signals[name] for name in signals]
        self.interval = interval
        self.exit_code = exit_code
        self._asked: Optional[str] = None
        self._former: dict[signal.Signals, Any] = {}

        if hasattr(signal, 'sigwaitinfo'):
            # The workers of an iteration-based loop start before any hook.
            register_after_fork(self, _obey_parent_only)

    def before_train(self, runner: Runner) -> None:
        """Install the signal handlers; a SafeCheckpointHook is required."""
        _checkpoint_hook(runner)
        if threading.current_thread() is threading.main_thread():
            for one in self.signals:
                self._former[one] = signal.signal(one, self._note)

    def after_train_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: Optional[Union[dict, tuple, list]] = None,
        outputs: Optional[dict] = None,
    ) -> None:
        """Save and exit if a signal has reached any rank."""
        ends = self.end_of_epoch(runner.train_dataloader, batch_idx)
        if not self._agreed(runner.iter + 1, ends):
            return
        _checkpoint_hook(runner).save_interrupted(runner)
        print_log(
            f'Stopped by {self._asked or "a signal to another process"} '
            f'after iteration {runner.iter + 1}, which is saved; resume to go '
            f'on from it. Exit code {self.exit_code}.',
            logger='current',
        )
        for one in self._former:
            # The first process to exit makes a launcher signal the others.
            signal.signal(one, signal.SIG_IGN)
        sys.exit(self.exit_code)

    def after_train(self, runner: Runner) -> None:
        """Restore the former signal handlers."""
        for one, former in self._former.items():
            signal.signal(one, former)
        self._former = {}

    def _note(self, number: int, frame: Any) -> None:
        self._asked = signal.Signals(number).name

    def _agreed(self, done: int, ends: bool) -> bool:
        """Return whether a signal has reached any rank."""
        if get_world_size() == 1:
            return self._asked is not None
        if done % self.interval and not ends:
            return False
        asked = torch.tensor(
            float(self._asked is not None), device=get_comm_device()
        )
        all_reduce(asked)
        return bool(asked.item())


def _obey_parent_only(hook: PreemptionHook) -> None:
    """In a forked child, obey these signals only from its parent."""
    signal.pthread_sigmask(signal.SIG_BLOCK, hook.signals)
    threading.Thread(
        target=_wait_for_parent, args=(hook.signals,), daemon=True
    ).start()


def _wait_for_parent(signals: list[signal.Signals]) -> None:
    while signal.sigwaitinfo(signals).si_pid != os.getppid():
        pass
    os._exit(0)  # As torch's handler in a worker does.


def _checkpoint_hook(runner: Runner) -> SafeCheckpointHook:
    for hook in runner.hooks:
        if isinstance(hook, SafeCheckpointHook):
            return hook
    raise ValueError(
        'PreemptionHook saves through SafeCheckpointHook, which this run does '
        "not have: write checkpoint=dict(type='sema_mm.SafeCheckpointHook') "
        'in default_hooks'
    )
