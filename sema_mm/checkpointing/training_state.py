"""What an exact resume needs beyond what mmengine saves."""

from typing import Any, Optional

import numpy as np
import torch
from mmengine.dist import all_gather_object, get_rank, get_world_size
from mmengine.hooks import EarlyStoppingHook
from mmengine.runner import IterBasedTrainLoop, Runner
from torch import nn
from torch.distributed.fsdp import FullyShardedDataParallel

from ..sharding.fsdp import local
from .hook_protocol import resume_caveats
from .random_state import get_random_state, set_random_state

__all__ = ['TrainingState']

_COUNTERS = ('wait_count', 'best_score')
#: What a checkpoint may hold without code that must be run to read it.
_PLAIN = (bool, int, float, str, torch.Tensor, np.generic)


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
        metrics (dict, optional): Metrics of the validation here; None before
            it. Defaults to None.
        seed (int, optional): Seed of the order of the data, if known.
            Defaults to None.
    """

    def __init__(
        self,
        ranks: list[dict],
        counters: list[dict],
        batches: int = 0,
        metrics: Optional[dict[str, Any]] = None,
        seed: Optional[int] = None,
    ) -> None:
        self.ranks = ranks
        self.counters = counters
        self.batches = batches
        self.metrics = metrics
        self.seed = seed

    @classmethod
    def gather(
        cls,
        runner: Runner,
        batches: int = 0,
        metrics: Optional[dict[str, Any]] = None,
    ) -> 'TrainingState':
        """Collect the state between two iterations. Call it on every rank."""
        mine = {
            'random': get_random_state(),
            'gradients': pending_gradients(runner),
            'buffers': rank_buffers(runner.model),
        }
        counters = [
            {name: getattr(hook, name) for name in _COUNTERS}
            for hook in _early_stopping(runner)
        ]
        if metrics is not None:
            plain = all(isinstance(v, _PLAIN) for v in metrics.values())
            metrics = dict(metrics) if plain else None
        return cls(
            all_gather_object(mine), counters, batches, metrics, _seed(runner)
        )

    @classmethod
    def from_checkpoint(cls, content: Optional[dict]) -> 'TrainingState':
        """Return the state in a checkpoint; empty for None."""
        if content is None:
            return cls([], [])
        return cls(
            content['ranks'],
            content['counters'],
            content['batches'],
            content.get('metrics'),
            content.get('seed'),
        )

    def state_dict(self, with_gradients: bool = True) -> dict:
        """Return tensors, numbers and text for a checkpoint."""
        ranks = self.ranks
        if not with_gradients:
            ranks = [{'random': rank['random']} for rank in ranks]
        return {
            'ranks': ranks,
            'counters': self.counters,
            'batches': self.batches,
            'metrics': self.metrics,
            'seed': self.seed,
        }

    def restore_counters(self, runner: Runner) -> None:
        """Restore the counters of early stopping."""
        for hook, counter in zip(_early_stopping(runner), self.counters):
            for name, value in counter.items():
                setattr(hook, name, value)

    def restore_gradients(self, model: nn.Module) -> None:
        """Restore the gradients of an interrupted accumulation."""
        gradients = self._mine().get('gradients') or {}
        for name, parameter in model.named_parameters():
            if name in gradients:
                parameter.grad = torch.zeros_like(parameter)
                local(parameter.grad).copy_(gradients[name])

    def restore_buffers(self, model: nn.Module) -> None:
        """Restore the buffers that differ between ranks."""
        buffers = self._mine().get('buffers') or {}
        for name, buffer in model.named_buffers():
            if name in buffers:
                buffer.copy_(buffers[name])

    def restore_randomness(self) -> None:
        """Restore the random number generators of this rank."""
        random = self._mine().get('random')
        if random is not None:
            set_random_state(random)

    def resume_caveats(self, runner: Runner) -> list[str]:
        """Return why a resume is not exact, as parts of a sentence."""
        reasons = []
        if not self.ranks:
            reasons.append('the checkpoint holds no random states')
        elif len(self.ranks) != get_world_size():
            reasons.append(
                f'saved with world_size={len(self.ranks)}, resumed with '
                f'{get_world_size()}'
            )
        # A loop of iterations reads all batches once more, as the run did.
        loader = runner.train_dataloader
        once = isinstance(runner.train_loop, IterBasedTrainLoop)
        if loader.num_workers and loader.persistent_workers and not once:
            reasons.append(
                'persistent workers (persistent_workers=True in '
                'train_dataloader) start with new random numbers'
            )
        if self.ranks and self.seed != _seed(runner):
            reasons.append(
                'the order of the data differs: its seed is '
                f'{_seed(runner)}, and was {self.seed} (write '
                'randomness=dict(seed=...) in the config)'
            )
        return reasons + self._mid_epoch_caveats(runner)

    def _mid_epoch_caveats(self, runner: Runner) -> list[str]:
        """Return what a save in the middle of an epoch loses."""
        reasons = []
        if _hides_gradients(runner, self.batches):
            reasons.append(
                'FSDP1 and DeepSpeed do not expose the gradients of an '
                'interrupted accumulation'
            )
        caveats = resume_caveats(runner, self.batches, len(self.ranks))
        return reasons + caveats

    def _mine(self) -> dict:
        ranks = self.ranks
        return ranks[get_rank()] if len(ranks) == get_world_size() else {}


def _seed(runner: Runner) -> Optional[int]:
    """Return the seed of the order of the training data."""
    loader = runner.train_dataloader
    samplers = (loader.sampler, getattr(loader.batch_sampler, 'sampler', None))
    seeds = (getattr(sampler, 'seed', None) for sampler in samplers)
    return next((int(seed) for seed in seeds if seed is not None), None)


def _hides_gradients(runner: Runner, batches: int) -> bool:
    """Return whether pending gradients may have been out of reach."""
    if hasattr(runner.model, 'zero_optimization_stage'):
        return batches > 0
    counts = getattr(runner.optim_wrapper, '_accumulative_counts', 1)
    fsdp1 = isinstance(runner.model, FullyShardedDataParallel)
    return fsdp1 and counts > 1


def pending_gradients(runner: Runner) -> dict[str, torch.Tensor]:
    """Copy the gradients of an unfinished accumulation to the CPU, by name."""
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
        name: local(parameter.grad.detach()).cpu().clone()
        for name, parameter in runner.model.named_parameters()
        if parameter.grad is not None
    }


def rank_buffers(model: nn.Module) -> dict[str, torch.Tensor]:
    """Copy the buffers of other ranks than 0, whose are in ``state_dict``."""
    if get_rank() == 0:
        return {}
    return {
        name: buffer.detach().cpu().clone()
        for name, buffer in model.named_buffers()
    }


def _early_stopping(runner: Runner) -> list[EarlyStoppingHook]:
    hooks = runner.hooks
    return [hook for hook in hooks if isinstance(hook, EarlyStoppingHook)]
