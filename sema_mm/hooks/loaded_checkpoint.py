"""The average of a loaded checkpoint, until training starts."""

import logging
from typing import Optional

import torch
from mmengine.logging import print_log
from torch import Tensor

from ..averaging.checkpoint_format import (
    averaged_shapes,
    prefixed,
    stripped,
    unpack,
)
from ..averaging.switch_ema import SwitchEMA

__all__ = ['LoadedCheckpoint']


class LoadedCheckpoint:
    """Keep the average of a checkpoint until a SwitchEMA exists.

    In a resume the checkpoint is changed so that the model gets the weights
    of training; else the model gets the average, and averaging starts from
    it.

    Args:
        checkpoint (dict): The checkpoint, before the model reads it.
        resume (bool): Whether the runner resumes.

    Attributes:
        steps (int, optional): Updates of the average in the checkpoint;
            None if it holds no average.
        counts (Dict[str, int]): Our hook's other counters.
    """

    def __init__(self, checkpoint: dict, resume: bool) -> None:
        state = checkpoint.get('state_dict', checkpoint)
        ema_state = checkpoint.get('ema_state_dict')
        self.steps: Optional[int] = None
        self.counts: dict[str, int] = checkpoint.get('switch_ema', {})
        self._shapes = {
            stripped(key): tensor.shape
            for key, tensor in state.items()
            if isinstance(tensor, Tensor)
        }
        self._average: dict[str, Tensor] = {}
        self._training: Optional[dict[str, Tensor]] = None
        self._resume = resume
        if ema_state is None:
            return
        training, self._average = unpack(state, ema_state)
        self.steps = int(self._average['steps'])
        if resume:
            checkpoint['state_dict'] = training
        else:
            self._training = training

    def describe(self) -> str:
        """Name the weights that the model got from the checkpoint."""
        if self.steps is None:
            return 'the only set of weights in the checkpoint'
        if self._resume:
            return 'the weights of training in the checkpoint'
        return f'the average of {self.steps} updates in the checkpoint'

    def restore(self, average: SwitchEMA, resumed: bool, strict: bool) -> None:
        """Restore average and model.

        Args:
            average (SwitchEMA): A new average of the model.
            resumed (bool): Whether training continues, beyond iteration 0.
            strict (bool): Whether tensors that do not fit are an error.

        Raises:
            ValueError: If tensors do not fit, and strict is set or none
                fits.
        """
        if not (resumed or self._resume):
            lacking = _lacking(averaged_shapes(average), self._shapes)
            _report(lacking, strict, 'starts from')
            return
        if self.steps is None:
            print_log(
                'The checkpoint holds no average (no ema_state_dict): '
                'averaging starts anew from the resumed model.',
                logger='current',
                level=logging.WARNING,
            )
            return
        if self._training is not None:
            training = {stripped(k): t for k, t in self._training.items()}
            average.backend.load_state_dict(training)
            average.refresh(average.backend.outer)
        self._give(average, strict)

    def _give(self, average: SwitchEMA, strict: bool) -> None:
        found = {
            stripped(key): tensor
            for key, tensor in self._average.items()
            if key != 'steps'
        }
        wanted = averaged_shapes(average)
        good = {
            key: tensor
            for key, tensor in found.items()
            if key not in wanted or bool(tensor.isfinite().all())
        }
        shapes = {key: tensor.shape for key, tensor in good.items()}
        lacking = _lacking(wanted, shapes)
        if len(lacking) == len(wanted):
            raise ValueError(
                'none of the averages in the checkpoint fits the model, '
                f"which has '{lacking[0]}', ...: it is of another model"
            )
        _report(lacking, strict, 'resumes with')
        values = prefixed({key: good[key] for key in good.keys() - {*lacking}})
        values['steps'] = torch.tensor(self.steps)
        average.load_state_dict(values, strict=False)


def _lacking(
    wanted: dict[str, torch.Size], shapes: dict[str, torch.Size]
) -> list[str]:
    """List the averaged keys that a checkpoint cannot give."""
    return [key for key, shape in wanted.items() if shapes.get(key) != shape]


def _report(lacking: list[str], strict: bool, action: str) -> None:
    if not lacking:
        return
    named = ', '.join(lacking[:5]) + (', ...' if len(lacking) > 5 else '')
    text = (
        f'the checkpoint lacks {len(lacking)} averaged tensors, or holds '
        f'them in another shape or with non-finite values: {named}'
    )
    if strict:
        raise ValueError(f'{text} (strict_load=True)')
    print_log(
        f"The average {action} the model's own values for some tensors, as "
        f'{text}.',
        logger='current',
        level=logging.WARNING,
    )
