"""What a hook can tell the hook that writes checkpoints."""

from typing import Protocol, runtime_checkable

from mmengine.runner import Runner

__all__ = ['CheckpointAware', 'has_diverged', 'resume_caveats']


@runtime_checkable
class CheckpointAware(Protocol):
    """A hook whose state decides whether and how a run can be resumed."""

    def has_diverged(self) -> bool:
        """Return whether the model's weights are not finite."""

    def resume_caveats(self, batches: int, ranks: int) -> list[str]:
        """Return what a resume cannot restore.

        Args:
            batches (int): Batches of the running epoch that were trained; 0
                at the end of an epoch.
            ranks (int): Number of processes.
        """


def has_diverged(runner: Runner) -> bool:
    """Return whether a hook of this rank knows of non-finite weights."""
    return any(hook.has_diverged() for hook in _aware(runner))


def resume_caveats(runner: Runner, batches: int, ranks: int) -> list[str]:
    """Return what the hooks of a runner cannot restore in a resume."""
    return [
        caveat
        for hook in _aware(runner)
        for caveat in hook.resume_caveats(batches, ranks)
    ]


def _aware(runner: Runner) -> list[CheckpointAware]:
    hooks = runner.hooks
    return [hook for hook in hooks if isinstance(hook, CheckpointAware)]
