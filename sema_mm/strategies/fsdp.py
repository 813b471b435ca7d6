"""FSDP1 and FSDP2 in mmengine, with full checkpoints."""

from collections.abc import Sequence
from typing import Any, Optional

import torch
from mmengine._strategy import DDPStrategy
from mmengine._strategy import FSDPStrategy as _FSDPStrategy
from mmengine.device import get_device
from mmengine.dist import get_local_rank
from torch import nn
from torch.distributed.fsdp import fully_shard

from .full_checkpoints import FullCheckpoints

__all__ = ['FSDP2Strategy', 'FSDPStrategy']


class FSDPStrategy(FullCheckpoints, _FSDPStrategy):
    """mmengine's FSDPStrategy, resumable on torch 2.6 and later.

    A checkpoint is one file like that of an unsharded run, and each reads
    the other's. mmengine 0.10.7 cannot resume here (it gives
    ``optim_state_dict_to_load`` its arguments in an order of before torch
    2.1), and does not run on a CPU.

    Args:
        model_wrapper (dict, optional): Arguments of mmengine's
            ``MMFullyShardedDataParallel``. Defaults to None.
        **kwargs (Any): As for mmengine's FSDPStrategy.

    Raises:
        ValueError: If ``state_dict_cfg`` is given and not ``'full'``.

    Examples:
        >>> runner_type = 'FlexibleRunner'
        >>> strategy = dict(
        ...     type='sema_mm.FSDPStrategy',
        ...     model_wrapper=dict(auto_wrap_policy='my_policy'),
        ... )
    """

    def __init__(
        self, *, model_wrapper: Optional[dict] = None, **kwargs: Any
    ) -> None:
        given = kwargs.pop('state_dict_cfg', 'full')
        if given != 'full':
            raise ValueError(
                'sema_mm.FSDPStrategy writes whole tensors: leave '
                f"state_dict_cfg out, or write 'full', not {given!r}"
            )
        wrapper = {'type': 'MMFullyShardedDataParallel'}
        wrapper.update(model_wrapper or {})
        wrapper.setdefault('device_id', _device())
        super().__init__(
            model_wrapper=wrapper, state_dict_cfg='full', **kwargs
        )


class FSDP2Strategy(FullCheckpoints, DDPStrategy):
    """Training with FSDP2, ``torch.distributed.fsdp.fully_shard``.

    A checkpoint is one file like that of an unsharded run, and each reads
    the other's.

    Args:
        modules (Sequence[str]): Names of the classes of sub-modules that
            are gathered one by one; what is in none of them is gathered
            with the model. Defaults to ().
        fully_shard (dict, optional): Arguments of torch's ``fully_shard``.
            Defaults to None.
        **kwargs (Any): As for mmengine's DDPStrategy.

    Raises:
        ValueError: If the model has no module of a class in ``modules``.

    Examples:
        >>> runner_type = 'FlexibleRunner'
        >>> strategy = dict(
        ...     type='sema_mm.FSDP2Strategy', modules=['Bottleneck']
        ... )
    """

    def __init__(
        self,
        *,
        modules: Sequence[str] = (),
        fully_shard: Optional[dict] = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.modules = tuple(modules)
        self.arguments = dict(fully_shard or {})

    def _wrap_model(self, model: nn.Module) -> nn.Module:
        model = self.convert_model(model.to(get_device()))
        for name in self.modules:
            found = [m for m in model.modules() if type(m).__name__ == name]
            if not found:
                raise ValueError(
                    f'modules holds {name!r}, and the model has no module of '
                    'such a class'
                )
            for module in found:
                self._shard(module)
        self._shard(model)
        return model

    def _shard(self, module: Any) -> None:
        fully_shard(module, **self.arguments)
        if get_device() == 'cpu':
            # Gloo adds gradients up where torch asks for their mean.
            module.set_force_sum_reduction_for_comms(True)


def _device() -> Any:
    device = get_device()
    return torch.device(device) if device == 'cpu' else get_local_rank()
