"""Models whose weights and optimizer DeepSpeed spreads over the ranks."""

from collections.abc import Collection
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributed import get_rank

from .backend import Backend
from .deepspeed_masters import masters_of
from .model_tensors import bare_name

__all__ = ['DeepSpeedBackend']


class DeepSpeedBackend(Backend):
    """ZeRO-0 to ZeRO-3: averages of the weights that the optimizer steps.

    Beside the weights that the model computes with, DeepSpeed keeps master
    weights in float32, of which each rank has a part, and overwrites the
    former by the latter at each step. The masters are what is averaged and
    written: an update communicates nothing, and loses no digit where the
    model is in bfloat16. :meth:`publish` makes the model follow.

    ZeRO-0 in float32 has no masters; its parameters are averaged themselves.

    Args:
        model (Any): DeepSpeed's engine, or mmengine's wrapper around it.

    Raises:
        RuntimeError: If DeepSpeed keeps its masters where averages cannot
            reach them.
    """

    def __init__(self, model: Any) -> None:
        self.outer = model
        # DeepSpeed's engine is a module, mmengine's wrapper is none.
        is_engine = isinstance(model, nn.Module)
        self._engine: Any = model if is_engine else model.model
        self.module: nn.Module = self._engine.module
        self._masters = masters_of(self._engine.optimizer)
        in_parts = any(hasattr(p, 'ds_id') for p in self.module.parameters())
        self.sharded = in_parts or bool(self._masters.flat)
        self._places = self._find_places()

    def holds(self, model: Any) -> bool:
        """Return whether a model is this backend's."""
        inner = getattr(model, 'module', None)
        return model is self.module or inner is self.module

    def step_count(self) -> int:
        """Return the number of steps that changed the weights.

        Neither iterations that only accumulate gradients nor steps that were
        skipped because a gradient in float16 overflowed are counted.
        """
        return self._engine.global_steps - self._engine.skipped_steps

    def tensors(self, known: Collection[str] = ()) -> dict[str, Tensor]:
        """Collect this rank's parts of the masters, flat and not padded."""
        if not self._masters.flat:
            return super().tensors(known)
        self._places = self._find_places()
        return {
            bare_name(name): self._masters.part(parameter)[1]
            for name, parameter in self.module.named_parameters()
            if self._masters.has(parameter)
            and (parameter.requires_grad or bare_name(name) in known)
        }

    def is_changed(self) -> bool:
        """Return whether DeepSpeed moved the masters."""
        return self._find_places() != self._places

    def publish(self) -> None:
        """Copy the masters into the model, as an optimizer step does."""
        self._masters.publish()

    @torch.no_grad()
    def state_dict(self) -> dict[str, Tensor]:
        """Gather whole tensors, in float32 where there are masters."""
        if not self.sharded:
            return super().state_dict()
        keep = self._engine.device.type == 'cpu' or get_rank() == 0
        state = self.module.state_dict(keep_vars=True)
        whole: dict[int, Tensor] = {}
        with self._masters.at_rest():
            for number, tensor in {id(t): t for t in state.values()}.items():
                found = self._whole(tensor)
                if keep:
                    whole[number] = found.cpu()
        if not keep:
            return {}
        return {bare_name(key): whole[id(t)] for key, t in state.items()}

    def shapes(self) -> dict[str, torch.Size]:
        """Read the shapes without gathering."""
        state = self.module.state_dict(keep_vars=True)
        return {bare_name(key): _shape(t) for key, t in state.items()}

    @torch.no_grad()
    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Write whole tensors into the model and its masters.

        Raises:
            ValueError: If a tensor has another shape.
        """
        named = self.module.state_dict(keep_vars=True).items()
        own = {bare_name(key): tensor for key, tensor in named}
        found = {key: value for key, value in state.items() if key in own}
        for key, value in found.items():
            if value.shape != _shape(own[key]):
                raise ValueError(
                    f"'{key}' has the shape {tuple(value.shape)} in the "
                    f'state dict and {tuple(_shape(own[key]))} in the model'
                )
        with self._masters.at_rest():
            for key, value in found.items():
                self._write(own[key], value)
        self.publish()

    def _find_places(self) -> list[int]:
        return [tensor.data_ptr() for tensor in self._masters.flat]

    def _whole(self, tensor: Any) -> Tensor:
        """Gather one tensor of the module into a new one."""
        if self._masters.has(tensor):
            return self._masters.whole(tensor)
        if not hasattr(tensor, 'ds_id'):
            return tensor.clone()
        tensor.all_gather()
        whole = tensor.clone()
        tensor.partition()
        return whole

    def _write(self, tensor: Any, value: Tensor) -> None:
        """Write one tensor of the module, or the master that it follows."""
        if self._masters.has(tensor):
            start, part = self._masters.part(tensor)
            part.copy_(value.flatten()[start : start + part.numel()])
        elif not hasattr(tensor, 'ds_id'):
            tensor.copy_(value)
        else:
            tensor.all_gather()
            tensor.copy_(value)
            tensor.partition(has_been_updated=True)


def _shape(tensor: Any) -> torch.Size:
    """Return the whole shape of a tensor."""
    return getattr(tensor, 'ds_shape', tensor.shape)
