"""Checks of a checkpoint before the model reads it."""

import logging
from typing import Any

from mmengine.hooks import Hook
from mmengine.logging import print_log
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner
from torch import Tensor


class CheckpointCheck(Hook):
    """Refuse a checkpoint of another model; warn of other gaps.

    mmengine skips entries that do not fit, even all of them, and goes on
    with the initial weights.
    """

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Check the optimizer's state, and that one tensor fits.

        Args:
            runner (Runner): The runner.
            checkpoint (dict): The checkpoint.

        Raises:
            ValueError: If no tensor fits, or a resumed run had diverged when
                it was saved.
        """
        if runner._resume:
            check_numbers(checkpoint)
        if runner._resume and 'optimizer' not in checkpoint:
            print_log(
                'The checkpoint holds no state of the optimizer, as files of '
                'the best weights do: its momentum starts anew.',
                logger='current',
                level=logging.WARNING,
            )
        if not isinstance(runner, Runner):
            return  # A FlexibleRunner, whose strategy may shard the model.
        found = checkpoint.get('state_dict', checkpoint)
        shapes = {
            # mmengine removes the prefix, too.
            key.removeprefix('module.'): getattr(value, 'shape', None)
            for key, value in found.items()
        }
        model = runner.model
        own = (model.module if is_model_wrapper(model) else model).state_dict()
        if any(shapes.get(key) == own[key].shape for key in own):
            return
        there, wanted = next(iter(shapes), 'nothing'), next(iter(own), '')
        raise ValueError(
            f'none of the {len(shapes)} entries of the checkpoint fits the '
            f"model: it begins with '{there}', the model with '{wanted}'"
        )


def check_numbers(checkpoint: dict) -> None:
    """Refuse a checkpoint of a diverged run.

    Args:
        checkpoint (dict): The checkpoint, before a resume.

    Raises:
        ValueError: If its weights or the optimizer's state hold NaN.
    """
    for part in ('state_dict', 'optimizer'):
        if holds_nan(checkpoint.get(part)):
            raise ValueError(
                f'the checkpoint holds NaN in its {part}: training had '
                'diverged when it was saved; resume from an earlier one'
            )


def holds_nan(content: Any) -> bool:
    """Return whether a tensor in a nested state holds NaN."""
    if isinstance(content, Tensor):
        return bool(content.isnan().any())
    if isinstance(content, dict):
        content = content.values()
    elif not isinstance(content, (list, tuple)):
        return False
    return any(map(holds_nan, content))
