"""How long the training of a runner is."""

from typing import Any

from mmengine.runner import IterBasedTrainLoop, Runner

from ..averaging.switch_plan import RunLength

__all__ = ['length_of_run']


def length_of_run(runner: Runner) -> RunLength:
    """Return the length of a training that is about to start."""
    accumulation = _accumulative_counts(runner.optim_wrapper)
    if isinstance(runner.train_loop, IterBasedTrainLoop):
        return RunLength.of_iters(runner.max_iters, accumulation)
    per_epoch = len(runner.train_dataloader)
    return RunLength.of_epochs(runner.max_epochs, per_epoch, accumulation)


def _accumulative_counts(optim_wrapper: Any) -> int:
    """Return iterations per step, the least of several optimizers."""
    if hasattr(optim_wrapper, 'optimizer'):
        return getattr(optim_wrapper, '_accumulative_counts', 1)
    return min(_accumulative_counts(w) for w in optim_wrapper.values())
