"""Notices when a model has other tensors to average than before."""

import itertools
import operator
from typing import Optional

import torch
from torch import Tensor

from ..sharding import Backend
from ..sharding.model_tensors import STATISTICS
from .tensor_group import TensorGroup, same_objects

__all__ = ['ModelWatch', 'check_match']

_REQUIRES_GRAD = operator.attrgetter('requires_grad')


class ModelWatch:
    """What must stay as it is for prepared groups to hold.

    Args:
        backend (Backend): How the model's tensors are reached.
        groups (List[TensorGroup]): The groups of its tensors.
        buffers (bool): Whether to watch running statistics as well.
    """

    def __init__(
        self, backend: Backend, groups: list[TensorGroup], buffers: bool
    ) -> None:
        self._backend = backend
        self._groups = groups
        modules = list(backend.module.modules())
        self._owners: list[dict] = [m._parameters for m in modules]
        if buffers:
            owners = [module._buffers for module in modules]
            self._owners += [b for b in owners if b.keys() & STATISTICS]
        self._seen = self._tensors()
        tensors = filter(torch.is_tensor, self._seen)
        self._frozen = list(itertools.filterfalse(_REQUIRES_GRAD, tensors))

    def is_changed(self) -> bool:
        """Return whether tensors were replaced, unfrozen or moved.

        Modules that were added are not noticed: that would cost a walk
        through the model at each step.
        """
        return (
            not same_objects(self._tensors(), self._seen)
            or any(map(_REQUIRES_GRAD, self._frozen))
            or any(group.is_moved for group in self._groups)
            or self._backend.is_changed()
        )

    def _tensors(self) -> list[Optional[Tensor]]:
        return list(
            itertools.chain.from_iterable(map(dict.values, self._owners))
        )


def check_match(found: dict[str, Tensor], averages: dict[str, Tensor]) -> None:
    """Refuse a model without a tensor that is, or can be, averaged.

    Args:
        found (Dict[str, Tensor]): The tensors to average.
        averages (Dict[str, Tensor]): The averages so far.

    Raises:
        ValueError: If nothing is trainable, or no name matches.
    """
    if not found:
        raise ValueError(
            'the model has no trainable parameter (requires_grad is False '
            'for all of them): there is nothing to average'
        )
    if averages and not found.keys() & averages.keys():
        raise ValueError(
            'no parameter of the model matches an average: the model has '
            f"'{next(iter(found))}', ..., the averages have "
            f"'{next(iter(averages))}', ...; pass the model that SwitchEMA "
            'was built with'
        )
