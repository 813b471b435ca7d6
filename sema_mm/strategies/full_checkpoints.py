"""Full (unsharded) checkpoints of a sharded model."""

from typing import Any

from mmengine._strategy import SingleDeviceStrategy
from mmengine.dist import is_main_process
from mmengine.logging import print_log
from torch import Tensor
from torch.distributed.checkpoint.state_dict import (
    StateDictOptions,
    get_optimizer_state_dict,
    set_optimizer_state_dict,
)

from ..averaging.checkpoint_format import stripped
from ..sharding import backend_of
from .optimizer_names import by_name, by_number, in_order

__all__ = ['FullCheckpoints']


class FullCheckpoints:
    """Mixin of strategies: all ranks gather, the first writes one file."""

    model: Any
    optim_wrapper: Any
    _names: list[str]
    _gathered: dict[str, Any]

    def build_model(self, model: Any) -> Any:
        """Build the model, and store the order of its parameters."""
        built = super().build_model(model)  # type: ignore[misc]
        self._names = [name for name, _ in built.named_parameters()]
        return built

    def save_checkpoint(
        self, filename: str, *, save_optimizer: bool = True, **kwargs: Any
    ) -> None:
        """Gather on all ranks, and write a file on the first.

        Args:
            filename (str): Name of the file.
            save_optimizer (bool): Whether to save the optimizer. Defaults
                to True.
            **kwargs (Any): As for mmengine's strategies.
        """
        self._gathered = dict(model=backend_of(self.model).state_dict())
        if save_optimizer and hasattr(self, 'optim_wrapper'):
            self._gathered['optimizer'] = self._whole_optimizer()
        if is_main_process():
            SingleDeviceStrategy.save_checkpoint(
                self, filename, save_optimizer=save_optimizer, **kwargs
            )
        self._gathered = {}

    def load_checkpoint(self, filename: str, **kwargs: Any) -> dict:
        """Read the file on every rank, into its shards.

        Args:
            filename (str): Name of the file.
            **kwargs (Any): As for mmengine's strategies.

        Returns:
            dict: The checkpoint without its ``state_dict``.
        """
        # To the CPU: each rank keeps its shards alone.
        kwargs['map_location'] = 'cpu'
        return SingleDeviceStrategy.load_checkpoint(self, filename, **kwargs)

    def model_state_dict(self) -> dict[str, Tensor]:
        """Return the gathered state dict of the unsharded model."""
        return self._gathered['model']

    def optim_state_dict(self) -> dict[str, Any]:
        """Return the gathered state dict of the optimizer wrapper."""
        return self._gathered['optimizer']

    def load_model_state_dict(
        self, state_dict: dict[str, Tensor], **kwargs: Any
    ) -> None:
        """Give each rank its shards; log which tensors do not fit."""
        backend = backend_of(self.model)
        found = {stripped(k): t for k, t in state_dict.items()}
        shapes = backend.shapes()
        good = {k: t for k, t in found.items() if t.shape == shapes.get(k)}
        odd = sorted(found.keys() ^ shapes.keys())
        odd += sorted(found.keys() & shapes.keys() - good.keys())
        if odd:
            print_log(
                f'{len(odd)} tensors of the checkpoint and the model do not '
                f'match and are not loaded: {", ".join(odd[:5])}, ...',
                logger='current',
            )
        backend.load_state_dict(good)

    def load_optim_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Give each rank its part of an unsharded optimizer's state."""
        optimizer = self.optim_wrapper.optimizer
        options = StateDictOptions(full_state_dict=True)
        order = in_order(
            get_optimizer_state_dict(self.model, optimizer), self._names
        )
        set_optimizer_state_dict(
            self.model,
            optimizer,
            by_name(state_dict, order),
            options=options,
        )
        # mmengine's wrapper reads what is its own.
        rest = {**state_dict, **optimizer.state_dict()}
        self.optim_wrapper.load_state_dict(rest)

    def _whole_optimizer(self) -> dict[str, Any]:
        optimizer = self.optim_wrapper.optimizer
        device = next(self.model.parameters()).device.type
        options = StateDictOptions(
            full_state_dict=True, cpu_offload=device != 'cpu'
        )
        state = get_optimizer_state_dict(
            self.model, optimizer, options=options
        )
        if not state:
            return {}
        order = in_order(state, self._names)
        return {**self.optim_wrapper.state_dict(), **by_number(state, order)}
