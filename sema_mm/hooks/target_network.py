"""The average that a self-supervised model keeps of its own encoder."""

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any, Optional

import torch
from mmengine.model import BaseAveragedModel
from torch import Tensor, nn

from ..averaging.functional import copy_, exchange_, relative_distance
from ..averaging.nonfinite_guard import FiniteCheck
from ..sharding.model_tensors import bare_name, unwrap_model

__all__ = ['TargetNetwork', 'averages_in', 'check_online']


class TargetNetwork:
    """A network inside a model that follows another one of its networks.

    MoCo, BYOL and MoCo v3 learn from the average of their own backbone and
    neck, which they update by themselves in each forward pass of a training.
    This class finds the two, and writes the average into what it is the
    average of: the direction of arXiv 2402.09240. It keeps no tensor.

    Only trainable parameters are written. Frozen ones are those of the
    average already, and BatchNorm statistics are the online network's own,
    which the average copies at each of its updates.

    Args:
        model (nn.Module): The model, maybe wrapped.
        target (str, optional): Name of the sub-module that is the average.
            None: the only one that is an mmengine averaged model
            (``encoder_k``, ``target_net`` or ``momentum_encoder`` of
            mmpretrain's models). Defaults to None.
        online (Sequence[str]): Names of the sub-modules that it is the
            average of, in this order; more than one as ``nn.Sequential``.
            Defaults to ``('backbone', 'neck')``, as in mmpretrain.

    Attributes:
        name (str): Name of the average in the model.
        average (nn.Module): The average.

    Raises:
        TypeError: If ``model`` is not a module, or ``online`` no sequence
            of names.
        ValueError: If the model has no such pair of networks.
    """

    def __init__(
        self,
        model: nn.Module,
        target: Optional[str] = None,
        online: Sequence[str] = ('backbone', 'neck'),
    ) -> None:
        check_online(online)
        module = unwrap_model(model)
        self.name = _only_average(module) if target is None else target
        self.average = _sub_module(module, 'target', self.name)
        parts = [_sub_module(module, 'online', name) for name in online]
        self._online = parts[0] if len(parts) == 1 else nn.Sequential(*parts)
        self._check_pairs()

    @property
    def updates(self) -> Optional[int]:
        """int: Updates of the average so far; None where nobody counts."""
        steps = getattr(self.average, 'steps', None)
        return None if steps is None else int(steps)

    def pairs(self) -> tuple[list[Tensor], list[Tensor]]:
        """Collect what a switch reads and writes.

        Returns:
            Tuple[List[Tensor], List[Tensor]]: The trainable parameters of
            the online network; those of the average, pair by pair.
        """
        target = _parameters(self._followed)
        online = _parameters(self._online)
        names = [name for name, p in online.items() if p.requires_grad]
        return [online[n] for n in names], [target[n] for n in names]

    def momentum_at(self, updates: int) -> Optional[float]:
        """Ask the average for its momentum.

        Args:
            updates (int): Number of updates before.

        Returns:
            float, optional: The weight of the new value per iteration; None
            for an average that is none of mmengine's.
        """
        if not isinstance(self.average, BaseAveragedModel):
            return None
        probe = torch.zeros((), dtype=torch.float64)
        self.average.avg_func(probe, torch.ones_like(probe), updates)
        return float(probe) / self.average.interval

    def is_finite(self) -> bool:
        """Tell whether the average holds finite weights only.

        Returns:
            bool: Whether it does. Waits for the device.
        """
        return bool(FiniteCheck(self.pairs()[1])())

    def distance(self) -> float:
        """Relative distance of the two networks, waiting for the device.

        Returns:
            float: ``|online - average| / |online|``.
        """
        return relative_distance(*self.pairs())

    def switch_parameters(self) -> None:
        """Write the average into the online network, in place."""
        copy_(*self.pairs())

    @contextlib.contextmanager
    def swapped(self) -> Iterator[None]:
        """Exchange the two while the context lasts, in place.

        The online network's own weights always come back, exceptions
        included. Its BatchNorm statistics and frozen parameters stay.

        Yields:
            None: The online network then holds the average.
        """
        online, average = self.pairs()
        exchange_(online, average)
        try:
            yield
        finally:
            exchange_(online[::-1], average[::-1])

    @property
    def _followed(self) -> nn.Module:
        """nn.Module: The network that holds the averaged parameters."""
        if isinstance(self.average, BaseAveragedModel):
            return self.average.module
        return self.average

    def _check_pairs(self) -> None:
        online, target = _parameters(self._online), _parameters(self._followed)
        known = {name: p.shape for name, p in target.items()}
        for name, parameter in online.items():
            if known.pop(name, None) != parameter.shape:
                raise ValueError(
                    f"'{self.name}' is no average of the online network: it "
                    f"has no parameter '{name}' of shape "
                    f'{tuple(parameter.shape)}; name the sub-modules that '
                    'it averages with online=[...]'
                )
        if known:
            raise ValueError(
                f"'{self.name}' averages more than the online network, "
                f"'{next(iter(known))}' for one: name all sub-modules that "
                'it averages with online=[...]'
            )
        if not self.pairs()[0]:
            raise ValueError(
                'the online network has no trainable parameter: there is '
                'nothing to switch'
            )


def averages_in(model: nn.Module) -> list[str]:
    """Find the averages that a model keeps of its own networks.

    Args:
        model (nn.Module): The model, maybe wrapped.

    Returns:
        List[str]: Names of its sub-modules that are mmengine averaged
        models.
    """
    return [
        name
        for name, part in unwrap_model(model).named_modules()
        if isinstance(part, BaseAveragedModel)
    ]


def check_online(online: Any) -> None:
    """Check the names of an online network's parts.

    Args:
        online (Sequence[str]): The names.

    Raises:
        TypeError: If it is no list of names, or an empty one.
    """
    several = isinstance(online, Sequence) and not isinstance(online, str)
    if not (several and online and all(isinstance(n, str) for n in online)):
        raise TypeError(
            'online must be a list of names of sub-modules, such as '
            f"['backbone', 'neck']; got {online!r}"
        )


def _only_average(module: nn.Module) -> str:
    """Find the one averaged model among the sub-modules of a model."""
    found = averages_in(module)
    if len(found) == 1:
        return found[0]
    what = f'{len(found)} averages' if found else 'no average'
    named = f', {", ".join(found)}' if found else ''
    raise ValueError(
        f'{type(module).__name__} holds {what} of its own networks{named}: '
        "name the one to switch from with target='...'"
        + ('' if found else ', or use SwitchEMAHook, which makes one')
    )


def _sub_module(module: nn.Module, argument: str, name: Any) -> nn.Module:
    """Get a sub-module by its name."""
    part: Any = module
    for step in str(name).split('.'):
        part = getattr(part, step, None)
    if not isinstance(part, nn.Module):
        parts = ', '.join(name for name, _ in module.named_children())
        raise ValueError(
            f'{argument} names {name!r}, which is no sub-module of '
            f'{type(module).__name__}: choose from {parts}'
        )
    return part


def _parameters(module: nn.Module) -> dict[str, Tensor]:
    """Map the bare names of parameters to them, tied ones once."""
    return {bare_name(name): p for name, p in module.named_parameters()}
