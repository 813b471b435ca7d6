"""Models whose parameters FSDP spreads over the ranks."""

from collections.abc import Collection
from typing import Any

import torch
from torch import Tensor
from torch.distributed.checkpoint.state_dict import (
    StateDictOptions,
    get_model_state_dict,
    set_model_state_dict,
)
from torch.distributed.fsdp import FullyShardedDataParallel
from torch.distributed.tensor import DTensor

from .backend import Backend

__all__ = ['FSDPBackend', 'is_fsdp', 'local']


def is_fsdp(module: Any) -> bool:
    """Return whether a module is sharded by FSDP1 or ``fully_shard``."""
    return isinstance(module, FullyShardedDataParallel) or _is_fsdp2(module)


class FSDPBackend(Backend):
    """FSDP1, FSDP2 and other models of DTensors: each rank its shards.

    Averages are made of the shards, so an update communicates nothing.

    FSDP keeps the whole parameters of its outermost module after a forward
    pass without gradients, and writes to the shards are ignored then:
    :meth:`settle` frees them first.

    Args:
        model (nn.Module): The model as it is trained, with its wrappers.

    Raises:
        RuntimeError: If the parameters have less precision than float32.
    """

    sharded = True

    def __init__(self, model: Any) -> None:
        super().__init__(model)
        self._locals: list[tuple[DTensor, Tensor]] = []
        for name, tensor in self.tensors().items():
            if torch.finfo(tensor.dtype).bits < 32:
                raise RuntimeError(
                    f"the shards of '{name}' are in {tensor.dtype}, of which "
                    'no whole average could be saved: keep the parameters '
                    'in float32 and lower the precision of the computation '
                    'by MixedPrecision or MixedPrecisionPolicy'
                )

    def tensors(self, known: Collection[str] = ()) -> dict[str, Tensor]:
        """Collect the shards of this rank."""
        found = super().tensors(known)
        self._locals = [
            (t, t._local_tensor)
            for t in found.values()
            if isinstance(t, DTensor)
        ]
        return {name: local(tensor) for name, tensor in found.items()}

    def is_changed(self) -> bool:
        """Return whether FSDP2 has replaced the shards."""
        return any(
            whole._local_tensor is not part for whole, part in self._locals
        )

    def settle(self) -> None:
        """Free the whole parameters that a forward pass has left."""
        for module in self.outer.modules():
            if isinstance(module, FullyShardedDataParallel):
                handle = module._handle
                # There are only shards until the first forward pass.
                if handle and hasattr(handle.flat_param, '_local_shard'):
                    handle.reshard(handle.uses_sharded_strategy)
            elif _is_fsdp2(module):
                module.reshard()

    def state_dict(self) -> dict[str, Tensor]:
        """Gather whole tensors."""
        device = next(self.outer.parameters()).device.type
        return self._gather(cpu_offload=device != 'cpu')

    def shapes(self) -> dict[str, torch.Size]:
        """Read the shapes without gathering, as far as FSDP can."""
        return {key: t.size() for key, t in self._gather(whole=False).items()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Give each rank its shards of whole tensors."""
        missing = self.shapes().keys() - state.keys()
        if missing:
            # FSDP1 takes all tensors or none.
            state = {**self._gather(), **state}
        options = StateDictOptions(full_state_dict=True)
        set_model_state_dict(self.outer, state, options=options)

    def _gather(
        self, whole: bool = True, cpu_offload: bool = False
    ) -> dict[str, Any]:
        options = StateDictOptions(
            full_state_dict=whole, cpu_offload=cpu_offload
        )
        return dict(get_model_state_dict(self.outer, options=options))


def local(tensor: Tensor) -> Tensor:
    """Return this rank's part of a DTensor; other tensors as they are."""
    return tensor._local_tensor if isinstance(tensor, DTensor) else tensor


def _is_fsdp2(module: Any) -> bool:
    return hasattr(module, 'reshard') and hasattr(module, 'unshard')
