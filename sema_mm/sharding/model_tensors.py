"""Which tensors of a model are averaged, and under which names."""

import re
import sys
from collections.abc import Collection
from typing import Any

from torch import Tensor, nn
from torch.distributed.fsdp import FullyShardedDataParallel
from torch.nn.parallel import DataParallel, DistributedDataParallel
from torch.nn.parameter import is_lazy

__all__ = [
    'STATISTICS',
    'bare_name',
    'running_statistics',
    'trainable',
    'unwrap_model',
]

#: What torch.compile, FSDP1 and activation checkpointing put into the names
#: of a sub-module that they wrap.
_MARKS = re.compile(
    r'(_orig_mod|_fsdp_wrapped_module|_checkpoint_wrapped_module)\.'
)
_WRAPPERS = (DataParallel, DistributedDataParallel, FullyShardedDataParallel)
#: Names of normalisation statistics, in torch's and mmcv's layers.
STATISTICS = frozenset({'running_mean', 'running_var'})


def unwrap_model(model: nn.Module) -> nn.Module:
    """Return the model inside the wrappers of parallelism and compilation.

    Args:
        model (nn.Module): A model, maybe wrapped, maybe several times.

    Returns:
        nn.Module: The model inside.

    Raises:
        TypeError: If it is not a module.
    """
    if not isinstance(model, nn.Module):
        raise TypeError(
            'model must be a torch.nn.Module; got '
            f'{type(model).__name__}: {model!r:.80}'
        )
    inner: Any = model
    while True:
        if isinstance(inner, _WRAPPERS) or _is_of_mmengine(inner):
            inner = inner.module
        elif hasattr(inner, '_orig_mod'):
            inner = inner._orig_mod
        else:
            return inner


def _is_of_mmengine(module: Any) -> bool:
    """Whether a module is a wrapper in mmengine's registry."""
    # There can only be one where mmengine is loaded.
    mmengine = sys.modules.get('mmengine.model')
    return mmengine is not None and mmengine.is_model_wrapper(module)


def trainable(
    model: nn.Module, known: Collection[str] = ()
) -> dict[str, Tensor]:
    """Return the trainable parameters, tied ones once.

    Args:
        model (nn.Module): An unwrapped model.
        known (Collection[str]): Bare names to return even if they are
            frozen now. Defaults to ().

    Returns:
        Dict[str, Tensor]: Bare names to floating or complex parameters.

    Raises:
        ValueError: If a lazy parameter has no shape yet.
        RuntimeError: If DeepSpeed has taken the parameters over.
    """
    found: dict[str, Tensor] = {}
    for name, parameter in model.named_parameters():
        if not (parameter.requires_grad or bare_name(name) in known):
            continue
        if is_lazy(parameter):
            raise ValueError(
                f"the parameter '{name}' is lazy and has no shape yet: run "
                'one forward pass before averaging starts'
            )
        if hasattr(parameter, 'ds_id'):
            raise RuntimeError(
                f"the parameter '{name}' is a part that DeepSpeed holds for "
                'its engine: average the engine, not the model inside'
            )
        found[bare_name(name)] = parameter
    return found


def running_statistics(model: nn.Module) -> dict[str, Tensor]:
    """Map bare names to running means and variances of normalisation layers.

    Averages of other buffers (counters, index tables, spectral-norm vectors,
    queues) would be meaningless.

    Args:
        model (nn.Module): An unwrapped model.

    Returns:
        Dict[str, Tensor]: Floating-point buffers.
    """
    return {
        bare_name(name): buffer
        for name, buffer in model.named_buffers()
        if name.rpartition('.')[2] in STATISTICS and buffer.is_floating_point()
    }


def bare_name(name: str) -> str:
    """Return the name or key that a tensor has in the unwrapped model."""
    return _MARKS.sub('', name)
