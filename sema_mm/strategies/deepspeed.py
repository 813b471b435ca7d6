"""mmengine's DeepSpeedStrategy, with checkpoints that hold averages."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Optional

from mmengine._strategy.deepspeed import DeepSpeedStrategy as _Strategy
from torch.serialization import safe_globals

from ..checkpoint import _only_data as only_data
from ..checkpoint import load_from_local
from .whole_checkpoints import WholeCheckpoints

__all__ = ['DeepSpeedStrategy']

#: The file of a folder that any runner can read.
MODEL = 'model.pth'


class DeepSpeedStrategy(WholeCheckpoints, _Strategy):
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

    All arguments are those of mmengine's DeepSpeedStrategy.

    Examples:
        >>> runner_type = 'FlexibleRunner'
        >>> strategy = dict(
        ...     type='sema_mm.DeepSpeedStrategy',
        ...     zero_optimization=dict(stage=2),
        ...     bf16=dict(enabled=True),
        ... )
    """

    optim_state_dict = _Strategy.optim_state_dict
    load_optim_state_dict = _Strategy.load_optim_state_dict

    def save_checkpoint(
        self,
        filename: str,
        *,
        save_optimizer: bool = True,
        save_param_scheduler: bool = True,
        extra_ckpt: Optional[dict] = None,
        callback: Optional[Callable] = None,
    ) -> None:
        """Save a folder; or a file, without the optimizer.

        Call it on every rank.

        Args:
            filename (str): Path of the folder or the file.
            save_optimizer (bool): Whether to save the optimizer. Defaults
                to True.
            save_param_scheduler (bool): Whether to save the schedules.
                Defaults to True.
            extra_ckpt (dict, optional): More to save. Defaults to None.
            callback (Callable, optional): Called with the checkpoint on
                rank 0, to change it. Defaults to None.
        """
        if save_optimizer and hasattr(self, 'optim_wrapper'):
            _Strategy.save_checkpoint(
                self,
                filename,
                save_param_scheduler=save_param_scheduler,
                extra_ckpt=dict(extra_ckpt or {}),
            )
            filename = str(Path(filename) / MODEL)
        super().save_checkpoint(
            filename,
            save_optimizer=False,
            save_param_scheduler=save_param_scheduler,
            extra_ckpt=extra_ckpt,
            callback=callback,
        )

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
            if not (Path(filename) / MODEL).is_file():
                raise ValueError(
                    f'the folder {filename} has no {MODEL}, as '
                    'sema_mm.DeepSpeedStrategy did not write it: make a file '
                    "of it with DeepSpeed's zero_to_fp32.py, and load that"
                )
            filename = str(Path(filename) / MODEL)
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
        with safe_globals(_data_classes()), only_data(filename):
            found = _Strategy.resume(self, filename, **kwargs)
        model = Path(filename) / MODEL
        if callback is not None and model.is_file():
            callback(load_from_local(model, 'cpu'))
        return found


def _data_classes() -> list[Any]:
    """List the classes whose instances DeepSpeed saves."""
    from deepspeed.runtime.fp16 import loss_scaler
    from deepspeed.runtime.zero.config import ZeroStageEnum
    from deepspeed.utils.tensor_fragment import fragment_address

    return [
        loss_scaler.LossScaler,
        loss_scaler.DynamicLossScaler,
        ZeroStageEnum,
        fragment_address,
    ]
