"""Where DeepSpeed keeps the weights that its optimizer steps.

What is used of DeepSpeed is what its own step and its own loading of a
checkpoint use; DeepSpeed itself is not imported.
"""

import contextlib
from collections.abc import Iterator
from typing import Any

from torch import Tensor
from torch.distributed import get_rank
from torch.optim import Optimizer

__all__ = ['Masters', 'masters_of']


class Masters:
    """None: the optimizer steps the parameters of the model themselves.

    Args:
        optimizer (Any): DeepSpeed's optimizer; None without training.
    """

    def __init__(self, optimizer: Any) -> None:
        self.optimizer = optimizer

    @property
    def flat(self) -> list[Tensor]:
        """List[Tensor]: What holds this rank's parts of the masters."""
        return []

    def has(self, tensor: Any) -> bool:
        """Return whether a tensor of the model is a copy of a master."""
        return False

    def part(self, parameter: Any) -> tuple[int, Tensor]:
        """Return this rank's part of a parameter's master.

        Args:
            parameter (Parameter): A parameter that has one.

        Returns:
            Tuple[int, Tensor]: The element of the flattened parameter at
            which it starts; and the part, live, of one dimension.
        """
        raise NotImplementedError

    def whole(self, parameter: Any) -> Tensor:
        """Gather a parameter's master in float32, on every rank."""
        raise NotImplementedError

    def publish(self) -> None:
        """Copy the masters into the model, on every rank."""

    @contextlib.contextmanager
    def at_rest(self) -> Iterator[None]:
        """Let each rank hold nothing but its parts in the context."""
        yield


class _Zero12(Masters):
    """ZeRO-1 and ZeRO-2, and ZeRO-0 in bfloat16."""

    NAMES = ('single_partition_of_fp32_groups', 'fp32_groups_flat_partition')

    @property
    def flat(self) -> list[Tensor]:
        for name in self.NAMES:
            if hasattr(self.optimizer, name):
                return getattr(self.optimizer, name)
        return []

    def has(self, tensor: Any) -> bool:
        return hasattr(tensor, '_hp_mapping')

    def part(self, parameter: Any) -> tuple[int, Tensor]:
        fragment = parameter._hp_mapping
        if fragment is None:  # All of it is with other ranks.
            return 0, self.flat[0].detach()[:0]
        start = fragment.lp_fragment_address.start
        return start, fragment.hp_fragment.detach()

    def whole(self, parameter: Any) -> Tensor:
        return parameter.get_full_hp_param()

    def publish(self) -> None:
        self.optimizer.update_lp_params()


class _Offload(Masters):
    """ZeRO-3 without an optimizer: parameters in parts, and no masters."""

    @contextlib.contextmanager
    def at_rest(self) -> Iterator[None]:
        self.optimizer.partition_all_parameters()
        yield
        small = self.optimizer.persistent_parameters
        if small:  # Those which each rank keeps whole.
            small[0].all_gather(small)


class _Zero3(Masters):
    """ZeRO-3: masters of parameters that are in parts as well."""

    NAMES = ('fp32_partitioned_groups_flat',)

    def __init__(self, optimizer: Any) -> None:
        super().__init__(optimizer)
        self.rank = get_rank(optimizer.dp_process_group)
        self._at = {
            id(p): optimizer.grad_position[optimizer.get_param_id(p)]
            for group in optimizer.fp16_groups
            for p in group
        }

    @property
    def flat(self) -> list[Tensor]:
        return self.optimizer.fp32_partitioned_groups_flat

    def has(self, tensor: Any) -> bool:
        return id(tensor) in self._at

    def part(self, parameter: Any) -> tuple[int, Tensor]:
        padded = self._padded(parameter)
        start = self.rank * padded.numel()
        return start, padded[: max(parameter.ds_numel - start, 0)]

    def whole(self, parameter: Any) -> Tensor:
        part = self._padded(parameter)
        return self.optimizer._fp32_state_allgather(parameter, part)

    def publish(self) -> None:
        with self.at_rest():
            for group in range(len(self.optimizer.fp16_groups)):
                self.optimizer._reassign_or_swap_out_partitioned_parameters(
                    group
                )
            self.optimizer.invalidate_secondary_tensor()

    @contextlib.contextmanager
    def at_rest(self) -> Iterator[None]:
        self.optimizer.checkpoint_event_prologue()
        yield
        self.optimizer.checkpoint_event_epilogue()

    def _padded(self, parameter: Any) -> Tensor:
        """Return a rank's part; all ranks have parts of the same size."""
        group, start, size = self._at[id(parameter)]
        return self.flat[group].detach()[start : start + size]


def masters_of(optimizer: Any) -> Masters:
    """Return the masters of an optimizer of DeepSpeed.

    Args:
        optimizer (Any): The optimizer of DeepSpeed's engine, or None.

    Returns:
        Masters: Access to them.

    Raises:
        RuntimeError: If they are where averages cannot reach them.
    """
    swaps = getattr(optimizer, 'swap_optimizer', False)
    if swaps or getattr(optimizer, 'params_in_nvme_and_cpu', False):
        raise RuntimeError(
            'DeepSpeed keeps the weights on NVMe, where averages cannot '
            "reach them: offload with device='cpu', or not at all"
        )
    for kind in (_Zero12, _Zero3):
        if any(hasattr(optimizer, name) for name in kind.NAMES):
            return kind(optimizer)
    if hasattr(optimizer, 'partition_all_parameters'):
        return _Offload(optimizer)
    if optimizer is None or isinstance(optimizer, Optimizer):
        return Masters(optimizer)
    raise RuntimeError(
        f"DeepSpeed's {type(optimizer).__name__} keeps master weights that "
        'averages cannot reach: use zero_optimization=dict(stage=1), 2 or 3'
    )
