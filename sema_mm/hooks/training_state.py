"""What a run needs to go on exactly, beyond what mmengine saves."""

from typing import Any, Optional

import torch
from mmengine.dist import all_gather_object, get_rank, get_world_size
from mmengine.hooks import EarlyStoppingHook
from torch import nn

from .randomness import get_random_state, set_random_state

__all__ = ['TrainingState']

_COUNTERS = ('wait_count', 'best_score')


class TrainingState:
    """Random states, pending gradients and counters, of all ranks.

    mmengine's checkpoints lack the states of the random number generators,
    the gradients of an accumulation that a checkpoint falls into, and the
    counters of early stopping.

    Args:
        ranks (List[dict]): State of each rank, in their order.
        counters (List[dict]): Counters of each early-stopping hook.
        batches (int): Batches of the running epoch that were trained; 0 at
            the end of an epoch. Defaults to 0.
    """

    def __init__(
        self, ranks: list[dict], counters: list[dict], batches: int = 0
    ) -> None:
        self.ranks = ranks
        self.counters = counters
        self.batches = batches

    @classmethod
    def gather(cls, runner: Any, batches: int = 0) -> 'TrainingState':
        """Read the state of a run. Call it on every rank.

        Args:
            runner (Runner): The runner, between two iterations.
            batches (int): Batches of the running epoch that were trained.
                Defaults to 0.

        Returns:
            TrainingState: The state.
        """
        mine = {
            'random': get_random_state(),
            'gradients': pending_gradients(runner),
        }
        counters = [
            {name: getattr(hook, name) for name in _COUNTERS}
            for hook in _early_stopping(runner)
        ]
        return cls(all_gather_object(mine), counters, batches)

    @classmethod
    def of_checkpoint(cls, content: Optional[dict]) -> 'TrainingState':
        """Take the state out of a checkpoint.

        Args:
            content (dict, optional): What :meth:`state_dict` returned; None
                for a checkpoint of mmengine's own.

        Returns:
            TrainingState: The state; empty for None.
        """
        if content is None:
            return cls([], [])
        return cls(content['ranks'], content['counters'], content['batches'])

    def state_dict(self, with_gradients: bool = True) -> dict:
        """Give the state as a checkpoint holds it.

        Args:
            with_gradients (bool): Whether pending gradients are needed.
                Defaults to True.

        Returns:
            dict: Tensors, numbers and text only.
        """
        ranks = self.ranks
        if not with_gradients:
            ranks = [{'random': rank['random']} for rank in ranks]
        return {
            'ranks': ranks,
            'counters': self.counters,
            'batches': self.batches,
        }

    def restore_counters(self, runner: Any) -> None:
        """Give early stopping its counters back.

        Args:
            runner (Runner): The runner.
        """
        for hook, counter in zip(_early_stopping(runner), self.counters):
            for name, value in counter.items():
                setattr(hook, name, value)

    def restore_gradients(self, model: nn.Module) -> None:
        """Give the model the gradients of a broken accumulation back.

        Args:
            model (nn.Module): The model.
        """
        gradients = self._mine().get('gradients') or {}
        for name, parameter in model.named_parameters():
            if name in gradients:
                gradient = gradients[name].to(parameter)
                parameter.grad = gradient.clone()

    def restore_randomness(self) -> None:
        """Give the random number generators of this rank their states."""
        random = self._mine().get('random')
        if random is not None:
            set_random_state(random)

    def inexact(self, runner: Any) -> list[str]:
        """Tell what a resume cannot restore.

        Args:
            runner (Runner): The runner that resumes.

        Returns:
            List[str]: Reasons, each part of a sentence; empty if the resume
            is exact.
        """
        reasons = []
        if not self.ranks:
            reasons.append('the checkpoint holds no random states')
        elif len(self.ranks) != get_world_size():
            reasons.append(
                f'it was written by {len(self.ranks)} processes, and these '
                f'are {get_world_size()}'
            )
        loader = runner.train_dataloader
        if loader.num_workers and loader.persistent_workers:
            reasons.append('persistent workers start with new random numbers')
        if (runner.cfg.get('randomness') or {}).get('seed') is None:
            reasons.append('the config sets no seed (randomness)')
        return reasons

    def _mine(self) -> dict:
        ranks = self.ranks
        return ranks[get_rank()] if len(ranks) == get_world_size() else {}


def pending_gradients(runner: Any) -> dict[str, torch.Tensor]:
    """Copy the gradients that wait for the rest of an accumulation.

    Args:
        runner (Runner): The runner, between two iterations.

    Returns:
        Dict[str, Tensor]: Parameter names to gradients on the CPU; empty
        when none are pending.
    """
    wrapper = runner.optim_wrapper
    wrappers = [wrapper] if hasattr(wrapper, 'optimizer') else wrapper.values()
    pending = any(
        getattr(one, '_inner_count', 0)
        % getattr(one, '_accumulative_counts', 1)
        for one in wrappers
    )
    if not pending:
        return {}
    return {
        name: parameter.grad.detach().cpu().clone()
        for name, parameter in runner.model.named_parameters()
        if parameter.grad is not None
    }


def _early_stopping(runner: Any) -> list[EarlyStoppingHook]:
    hooks = runner.hooks
    return [hook for hook in hooks if isinstance(hook, EarlyStoppingHook)]
