"""The choice between the two sets of weights of a checkpoint."""

import torch
from mmengine.hooks import Hook
from mmengine.logging import print_log
from mmengine.runner import Runner

from ..averaging.checkpoint_format import unpack
from ..hooks.loaded_checkpoint import LoadedCheckpoint


class ChosenWeights(Hook):
    """Load one of the two sets of weights of a checkpoint.

    Checkpoints of our hook and of mmengine's ``EMAHook`` hold the average
    and, for a resume, the origin: the weights and buffers that training goes
    on with.

    Args:
        weights (str): 'average' or 'origin'.
    """

    def __init__(self, weights: str) -> None:
        self.weights = weights

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Change a checkpoint before the model reads it, and log that.

        Args:
            runner (Runner): The runner.
            checkpoint (dict): The checkpoint.

        Raises:
            ValueError: If the checkpoint lacks the chosen origin.
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
    """Return whether the two sets of weights of a checkpoint are the same."""
    average = checkpoint['state_dict']
    origin, _ = unpack(average, checkpoint['ema_state_dict'])
    return all(torch.equal(average[key], origin[key]) for key in average)
