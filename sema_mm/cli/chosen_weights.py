"""Lets a test choose between the two sets of weights of a checkpoint."""

from typing import Any

import torch
from mmengine.hooks import Hook
from mmengine.logging import print_log

from ..hooks.loaded_checkpoint import LoadedCheckpoint


class ChosenWeights(Hook):
    """Gives the model one of the two sets of weights of a checkpoint.

    Checkpoints of our hook and of mmengine's ``EMAHook`` hold the average
    and, for a resume, the origin: the weights that training goes on with,
    its buffers included.

    Args:
        weights (str): 'average' or 'origin'.
    """

    def __init__(self, weights: str) -> None:
        self.weights = weights

    def after_load_checkpoint(self, runner: Any, checkpoint: dict) -> None:
        """Changes a checkpoint before the model reads it, and says so.

        Args:
            runner (Runner): The runner.
            checkpoint (dict): The checkpoint.

        Raises:
            ValueError: If the origin is wanted and not there.
        """
        origin = self.weights == 'origin'
        if origin and 'ema_state_dict' not in checkpoint:
            raise ValueError(
                'the checkpoint holds one set of weights only (it has no '
                'ema_state_dict): leave out --weights origin'
            )
        note = ''
        if origin and are_equal(checkpoint):
            note = ', which are the average: it was saved right after a switch'
        loaded = LoadedCheckpoint(checkpoint, resume=origin)
        print_log(f'Testing {loaded.describe()}{note}.', logger='current')


def are_equal(checkpoint: dict) -> bool:
    """Tells whether the two sets of weights of a checkpoint are the same.

    Args:
        checkpoint (dict): The checkpoint.

    Returns:
        bool: Whether they are.
    """
    origin = checkpoint['ema_state_dict']
    return all(
        torch.equal(tensor, origin.get(f'module.{key}', tensor))
        for key, tensor in checkpoint['state_dict'].items()
    )
