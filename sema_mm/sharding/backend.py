"""A model whose tensors are whole on every rank."""

from collections.abc import Collection
from typing import Any, Optional

import torch
from torch import Tensor, nn

from .model_tensors import bare_name, trainable, unwrap_model

__all__ = ['Backend']


class Backend:
    """How averages reach a model's parameters: read, write, save, load.

    This one serves plain models, compiled ones, and those in
    ``DataParallel`` or ``DistributedDataParallel``, whose parameters are
    whole and alike on every rank. Backends that hold only a part of each
    parameter on a rank (``sharded``) inherit from it.

    Args:
        model (nn.Module): The model as it is trained, with its wrappers.

    Attributes:
        sharded (bool): Whether a rank holds only its part of a parameter.
        outer (nn.Module): The model with its wrappers.
        module (nn.Module): The model without them.
    """

    sharded = False

    def __init__(self, model: Any) -> None:
        self.outer = model
        self.module: nn.Module = unwrap_model(model)

    def holds(self, model: Any) -> bool:
        """Return whether a model, maybe wrapped, is this backend's."""
        return model is self.outer or unwrap_model(model) is self.module

    def tensors(self, known: Collection[str] = ()) -> dict[str, Tensor]:
        """Collect what this rank averages.

        Args:
            known (Collection[str]): Names that count as trainable in any
                case: parameters frozen in the course of the training.
                Defaults to ().

        Returns:
            Dict[str, Tensor]: Bare names to live tensors, which may be
            written in place between :meth:`settle` and :meth:`publish`.
        """
        return trainable(self.module, known)

    def is_changed(self) -> bool:
        """Return whether :meth:`tensors` would return other tensors now.

        Called after every step, so it must be cheap. Changes of the model's
        own parameters are noticed elsewhere.
        """
        return False

    def step_count(self) -> Optional[int]:
        """Return the number of steps; None where hooks on torch's count."""
        return None

    def settle(self) -> None:
        """Make the tensors ready to be read and written."""

    def publish(self) -> None:
        """Update the model after a write, on every rank."""

    def state_dict(self) -> dict[str, Tensor]:
        """Return whole tensors of the model's present weights.

        Call it on every rank.

        Returns:
            Dict[str, Tensor]: Bare keys to tensors of the model that is not
            wrapped. On a device other than the CPU, sharded backends give
            them to rank 0 alone, on the CPU, and nothing to the others.
        """
        state = self.module.state_dict()
        return {bare_name(key): tensor for key, tensor in state.items()}

    def shapes(self) -> dict[str, torch.Size]:
        """Return the shapes of the whole tensors, on every rank."""
        return {key: t.shape for key, t in self.state_dict().items()}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Write whole tensors into the model; other tensors stay.

        Call it on every rank with the same tensors.

        Args:
            state (Dict[str, Tensor]): Some of the keys of
                :meth:`state_dict` to tensors of the same shapes.
        """
        self.module.load_state_dict(state, strict=False)
