"""mmengine's DeepSpeedStrategy, with checkpoints that hold averages."""

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, Optional

from mmengine._strategy.deepspeed import DeepSpeedStrategy as _Strategy
from mmengine.device import get_device
from torch.serialization import safe_globals

from ..checkpointing.safe_loading import (
    FULL_CHECKPOINT,
    force_weights_only,
    load_from_local,
)
from .full_checkpoints import FullCheckpoints

__all__ = ['DeepSpeedStrategy']

#: Modules of DeepSpeed to the classes whose instances it saves.
_DATA = {
    'runtime.fp16.loss_scaler': ('LossScaler', 'DynamicLossScaler'),
    'runtime.zero.config': ('ZeroStageEnum',),
    'utils.tensor_fragment': ('fragment_address',),
}


class DeepSpeedStrategy(FullCheckpoints, _Strategy):
    """mmengine's DeepSpeedStrategy, with checkpoints that hold averages.

    DeepSpeed's checkpoints are folders, in which each rank has its files.
    mmengine writes them without asking the hooks, so that averages would be
    missing, and loads nothing else. Here

    - ``model.pth`` in each folder is the checkpoint that a runner without
      DeepSpeed would have written, but for the optimizer: whole tensors,
      the average in ``state_dict``, and all that hooks add;
    - without the optimizer (``save_optimizer=False``) a checkpoint is that
      file alone;
    - ``load_from`` takes a folder, and the file of any other runner;
    - ``resume`` takes a folder, and gives the hooks back what is theirs.

    On CPUs, ZeRO-3 leaves no small parameter whole on each rank: DeepSpeed
    gathers them all at once and waits for the last one only, and with gloo
    the others may come after it.

    Args:
        **kwargs (Any): As for mmengine's DeepSpeedStrategy.

    Examples:
        >>> runner_type = 'FlexibleRunner'
        >>> strategy = dict(
        ...     type='sema_mm.DeepSpeedStrategy',
        ...     zero_optimization=dict(stage=2),
        ...     bf16=dict(enabled=True),
        ... )
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        zero = dict(self.config.get('zero_optimization') or {})
        if zero.get('stage') == 3 and get_device() == 'cpu':
            zero.setdefault('stage3_param_persistence_threshold', 0)
            self.config['zero_optimization'] = zero

    optim_state_dict = _Strategy.optim_state_dict
    load_optim_state_dict = _Strategy.load_optim_state_dict

    def save_checkpoint(
        self, filename: str, *, save_optimizer: bool = True, **kwargs: Any
    ) -> None:
        """Save a folder; or a file, without the optimizer.

        Call it on every rank.

        Args:
            filename (str): Path of the folder or the file.
            save_optimizer (bool): Whether to save the optimizer. Defaults
                to True.
            **kwargs (Any): As for mmengine's strategies.
        """
        if save_optimizer and hasattr(self, 'optim_wrapper'):
            own = {
                **kwargs,
                'extra_ckpt': dict(kwargs.get('extra_ckpt') or {}),
            }
            _Strategy.save_checkpoint(self, filename, **own)
            filename = str(Path(filename) / FULL_CHECKPOINT)
        super().save_checkpoint(filename, save_optimizer=False, **kwargs)

    def load_checkpoint(self, filename: str, **kwargs: Any) -> dict:
        """Load the weights of a file, or of a folder.

        Args:
            filename (str): Its path or address.
            **kwargs (Any): As for mmengine's strategies.

        Returns:
            dict: The checkpoint without its ``state_dict``.

        Raises:
            ValueError: If it is a folder that DeepSpeed alone has written.
        """
        if Path(filename).is_dir():
            if not (Path(filename) / FULL_CHECKPOINT).is_file():
                raise ValueError(
                    f'the folder {filename} has no {FULL_CHECKPOINT}, as '
                    'sema_mm.DeepSpeedStrategy did not write it: make a file '
                    "of it with DeepSpeed's zero_to_fp32.py, and load that"
                )
            filename = str(Path(filename) / FULL_CHECKPOINT)
        return super().load_checkpoint(filename, **kwargs)

    def resume(
        self,
        filename: str,
        *,
        callback: Optional[Callable] = None,
        **kwargs: Any,
    ) -> dict:
        """Go on from a folder.

        Args:
            filename (str): Its path.
            callback (Callable, optional): Called with what ``model.pth``
                holds. Defaults to None.
            **kwargs (Any): As for mmengine's DeepSpeedStrategy.

        Returns:
            dict: The rest of the checkpoint.

        Raises:
            ValueError: If it is no folder.
        """
        if not Path(filename).is_dir():
            raise ValueError(
                f'{filename} is no folder of DeepSpeed, which alone can '
                'resume its optimizer: start from these weights with '
                'load_from, without resume'
            )
        with safe_globals(_data_classes()), force_weights_only(filename):
            found = _Strategy.resume(self, filename, **kwargs)
        path = Path(filename) / FULL_CHECKPOINT
        if path.is_file():
            # Hooks may have changed what DeepSpeed has saved before.
            whole = load_from_local(path, 'cpu')
            if callback is not None:
                callback(whole)
            found.update({key: whole[key] for key in found if key in whole})
        return found


def _data_classes() -> list[Any]:
    return [
        getattr(importlib.import_module(f'deepspeed.{module}'), name)
        for module, names in _DATA.items()
        for name in names
    ]
