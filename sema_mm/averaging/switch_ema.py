"""The averaged model: what is averaged, and how it is read and written."""

import contextlib
import itertools
import math
import operator
from collections.abc import Iterator
from typing import Any, Callable, Optional, Union

import torch
from torch import Tensor, nn

from ..sharding import Backend, backend_of
from ..sharding.model_tensors import STATISTICS, bare_name, running_statistics
from .averaging_options import AveragingOptions, check_names
from .functional import copy_, exchange_, relative_distance
from .side_stream import SideStream
from .tensor_group import TensorGroup, group_tensors, same_objects

__all__ = ['SwitchEMA']

_REQUIRES_GRAD = operator.attrgetter('requires_grad')
Judge = Callable[[list[Tensor]], Union[bool, Tensor]]


class SwitchEMA(nn.Module):
    r"""Exponential moving average of a model, which can be switched back.

    After every optimizer step t, :meth:`update_parameters` takes the
    model's weights :math:`\theta_t` into the average :math:`\phi`:

    .. math::
        \phi_1 = \theta_1, \qquad
        \phi_t = (1 - m_t) \phi_{t-1} + m_t \theta_t

    At the end of an epoch, :meth:`switch_parameters` writes the average back
    into the model in place, :math:`\theta \leftarrow \phi`: Switch EMA
    (arXiv 2402.09240). Without switches it is a plain EMA.

    It holds tensors, not a copy of the module: an average for each trainable
    parameter (tied ones once), in float32 where the parameter has less
    precision. A parameter that becomes trainable later joins with its value
    of that moment; one that is frozen later stays averaged. All else
    (frozen parameters, buffers) is read from the model. The model's tensors
    are only ever written in place: their ``data_ptr()`` never changes.

    It holds a reference to the model, which is not one of its sub-modules.
    Where a rank holds only a part of each parameter (FSDP, DeepSpeed), it
    holds the average of that part; a switch, a swap, and reading or loading
    its state dict then need a call on every rank, an update does not.

    Args:
        model (nn.Module): The model to average; wrappers (data parallelism,
            compilation) are looked through.
        momentum (float): Weight of the NEW value, above 0 and at most 0.5;
            a decay of 0.999 is 0.001. Defaults to 0.001.
        **options: The other arguments of :class:`AveragingOptions`.

    Attributes:
        options (AveragingOptions): The arguments.
        momentum_at (MomentumSchedule): The momentum of every update.
        steps (int): Number of updates so far.

    Raises:
        TypeError: If an argument is unknown or has the wrong type.
        ValueError: If an argument is out of its range, or if the model has
            no trainable parameter.

    Examples:
        >>> average = SwitchEMA(model, momentum=0.01)
        >>> for epoch in range(epochs):
        ...     for batch in loader:
        ...         train_step(model, batch, optimizer)
        ...         average.update_parameters(model)
        ...     average.switch_parameters(model)  # model <- average
        ...     with average.swapped(model):  # needed when not switching
        ...         evaluate(model)
    """

    def __init__(
        self,
        model: nn.Module,
        momentum: float = AveragingOptions.momentum,
        **options: Any,
    ) -> None:
        super().__init__()
        check_names(SwitchEMA, options)
        self.options = AveragingOptions(momentum, **options)
        self.momentum_at = self.options.momentum_schedule()
        self.steps = 0
        self._backend: Optional[Backend] = None
        self._owners: list[dict] = []
        self._seen: list[Optional[Tensor]] = []
        self._frozen: list[Tensor] = []
        self._groups: list[TensorGroup] = []
        self._sources: list[Tensor] = []
        self._stream = SideStream([])
        self._given: dict[str, Tensor] = {}
        self._origin: dict[str, Tensor] = {}
        self.refresh(model)

    @property
    def backend(self) -> Backend:
        """Backend: How the model's tensors are reached."""
        if self._backend is None:
            raise RuntimeError('no model was averaged yet')
        return self._backend

    @property
    def model(self) -> nn.Module:
        """nn.Module: The model that is averaged, without its wrappers."""
        return self.backend.module

    @property
    def is_swapped(self) -> bool:
        """bool: Whether the model holds the average at this moment."""
        return any(group.kept is not None for group in self._groups)

    @property
    def overlaps(self) -> bool:
        """bool: Whether updates run beside the training."""
        return self._stream.is_used

    def refresh(self, model: nn.Module) -> None:
        """Look at the model again: what is in it, and what is trainable.

        Runs by itself where it matters; :meth:`update_parameters` looks only
        for changes inside known sub-modules, to cost nothing per step.

        Args:
            model (nn.Module): The model, maybe wrapped.

        Raises:
            ValueError: If the model has no trainable parameter, or none of
                those averaged before.
        """
        self._refuse_swapped('look for changes in the model')
        backend = backend_of(model, self._backend)
        backend.settle()
        averages = self.average_now()
        found = backend.tensors(known=averages)
        _check_match(found, averages)
        statistics = running_statistics(backend.module)
        if not self.options.update_buffers:
            averages.update(self._given)
            given = self._given
            statistics = {k: v for k, v in statistics.items() if k in given}
        self._groups = group_tensors(
            {**found, **statistics},
            averages,
            self._given,
            self.options.device,
            self._groups,
        )
        self._backend = backend
        self._watch(backend.module)

    def update_parameters(
        self, model: nn.Module, skip_if: Optional[Judge] = None
    ) -> None:
        """Take the model's weights into the average.

        Call it after every optimizer step.

        Args:
            model (nn.Module): The model, maybe wrapped.
            skip_if (Callable, optional): Called with the tensors that the
                update reads. It returns True to skip the update, which then
                does not count; or a bool tensor of shape (), which decides
                on its device whether the average keeps its values, while
                the update counts in any case. Defaults to None.

        Raises:
            RuntimeError: If called while the model holds the average.
        """
        self._refuse_swapped('update the average')
        if not self.backend.holds(model) or self._is_changed():
            self.refresh(model)
        with self._stream.beside():
            for group in self._groups:
                group.read()
            skip = skip_if(self._sources) if skip_if else None
            if skip is True:
                return
            self._origin = {}
            if self.steps % self.options.interval == 0:
                gate = skip if isinstance(skip, Tensor) else None
                weight = self.weight_at(self.steps)
                for group in self._groups:
                    group.update(weight, gate)
        self.steps += 1

    def weight_at(self, step: int) -> float:
        """Tell with which weight an update takes the model in.

        Args:
            step (int): Index of the update, from 0; one that ``interval``
                does not leave out.

        Returns:
            float: 1 for the first, then the momentum.
        """
        if step == 0:
            return 1.0
        if not self.options.compound:
            return self.momentum_at(step)
        skipped = range(step - self.options.interval + 1, step + 1)
        return 1 - math.prod(1 - self.momentum_at(t) for t in skipped)

    def before_step(self) -> None:
        """Let the next optimizer step wait until the update has read.

        Needed with ``side_stream=True`` only. The wait is the device's, the
        host goes on.
        """
        self._stream.join()

    def switch_parameters(
        self, model: nn.Module, keep_origin: bool = False
    ) -> None:
        """Write the average into the model, in place.

        The average itself and the optimizer's state stay as they are.

        Args:
            model (nn.Module): The model, maybe wrapped.
            keep_origin (bool): Keep the model's weights of this moment
                until the next update, for :meth:`origin`. Needs their
                memory. Defaults to False.

        Raises:
            RuntimeError: If called while the model holds the average.
        """
        self.refresh(model)
        if keep_origin:
            now = self.model_now()
            self._origin = {k: v.detach().clone() for k, v in now.items()}
        for group in self._groups:
            group.switch()
        self.backend.publish()

    @contextlib.contextmanager
    def swapped(self, model: nn.Module) -> Iterator[nn.Module]:
        """Exchange average and model while the context lasts.

        The model's own weights always come back, exceptions included.

        Args:
            model (nn.Module): The model, maybe wrapped.

        Yields:
            nn.Module: The same model, which now holds the average.

        Raises:
            RuntimeError: If the model holds the average already.
        """
        self.refresh(model)
        try:
            for group in self._groups:
                group.swap_in()
            self.backend.publish()
            yield model
        finally:
            self.backend.settle()
            for group in reversed(self._groups):
                group.swap_out()
            self.backend.publish()

    @contextlib.contextmanager
    def origin(self, model: nn.Module) -> Iterator[nn.Module]:
        """Hold the weights that the optimizer left while the context lasts.

        Right after a switch with ``keep_origin=True`` these are the weights
        before the switch; otherwise the model holds them already.

        Args:
            model (nn.Module): The model, maybe wrapped.

        Yields:
            nn.Module: The same model, which now holds the origin.

        Raises:
            RuntimeError: If called while the model holds the average.
        """
        self.refresh(model)
        now = self.model_now()
        kept = [v for k, v in self._origin.items() if k in now]
        values = [now[k] for k in self._origin if k in now]
        exchange_(kept, values)
        self.backend.publish()
        try:
            yield model
        finally:
            self.backend.settle()
            exchange_(kept[::-1], values[::-1])
            self.backend.publish()

    def set_statistics(self, statistics: dict[str, Tensor]) -> None:
        """Give the average running statistics of its own.

        They are used in a swap and written in a switch, and stay until the
        next call; :mod:`.batch_norm` estimates them.

        Args:
            statistics (Dict[str, Tensor]): Bare names of running means and
                variances of the model, to their new values.

        Raises:
            RuntimeError: If the statistics are averaged, or if the model
                holds the average.
        """
        if self.options.update_buffers:
            raise RuntimeError(
                'set_statistics has no effect with update_buffers=True, '
                'which averages the running statistics: use one of the two'
            )
        self._given = {k: v.detach().clone() for k, v in statistics.items()}
        self.refresh(self.model)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Run the model with the averaged weights.

        Args:
            *args: Passed to the model.
            **kwargs: Passed to the model.

        Returns:
            Any: What the model returns; no gradient reaches the averages.

        Raises:
            RuntimeError: If a rank holds only parts of the averages.
        """
        if self.backend.sharded:
            raise RuntimeError(
                'the averages of a sharded model cannot be called: call the '
                'model inside swapped()'
            )
        named = [*self.model.named_parameters(), *self.model.named_buffers()]
        now = self.average_now()
        weights = {
            name: now[bare_name(name)].detach().to(tensor)
            for name, tensor in named
            if bare_name(name) in now
        }
        return torch.func.functional_call(self.model, weights, args, kwargs)

    def distance(self) -> float:
        """Relative distance of model and average, waiting for the device.

        Returns:
            float: ``|model - average| / |model|`` over all tensors that
            updates average.
        """
        self._settle()
        groups = [group for group in self._groups if not group.fixed]
        return relative_distance(
            [value for group in groups for value in group.values],
            [average for group in groups for average in group.averages],
        )

    def average_now(self) -> dict[str, Tensor]:
        """Map bare names to the tensors that hold the average right now.

        Returns:
            Dict[str, Tensor]: Live tensors, not copies, which hold it until
            the next :meth:`refresh`.
        """
        self._settle()
        found: dict[str, Tensor] = {}
        for group in self._groups:
            found.update(group.average_now())
        return found

    def model_now(self) -> dict[str, Tensor]:
        """Map bare names to the tensors that hold the model's own weights.

        Returns:
            Dict[str, Tensor]: Live tensors, not copies.
        """
        found: dict[str, Tensor] = {}
        for group in self._groups:
            found.update(group.model_now())
        return found

    def key_names(self) -> dict[str, str]:
        """Map state-dict keys of the model to the names of the averages.

        Returns:
            Dict[str, str]: Bare keys, several for a tied tensor, to the bare
            name under which :meth:`average_now` holds it.
        """
        names = {
            id(value): name
            for group in self._groups
            for name, value in zip(group.names, group.values)
        }
        state = self.model.state_dict(keep_vars=True)
        return {
            bare_name(key): names[id(tensor)]
            for key, tensor in state.items()
            if id(tensor) in names
        }

    def average_state_dict(self) -> dict[str, Tensor]:
        """Give the state dict of a model that holds the average.

        Call it on every rank, where the backend is sharded.

        Returns:
            Dict[str, Tensor]: Bare keys of the model to whole tensors; what
            is not averaged is the model's. Sharded backends give them as
            their ``state_dict`` does.

        Raises:
            RuntimeError: If the model holds the average, and is sharded.
        """
        if self.backend.sharded:
            with self.swapped(self.backend.outer):
                return self.backend.state_dict()
        names, now = self.key_names(), self.average_now()
        return {
            key: _alone(now[names[key]]) if key in names else tensor
            for key, tensor in self.backend.state_dict().items()
        }

    def averaged_shapes(self) -> dict[str, torch.Size]:
        """Tell which keys of the model's state dict are averaged.

        Call it on every rank, where the backend is sharded.

        Returns:
            Dict[str, Size]: Bare keys to the shapes of the whole tensors.
        """
        now = self.average_now()
        if not self.backend.sharded:
            names = self.key_names()
            return {key: now[name].shape for key, name in names.items()}
        buffers = {bare_name(name) for name, _ in self.model.named_buffers()}
        return {
            key: shape
            for key, shape in self.backend.shapes().items()
            if key not in buffers or key in now
        }

    def _save_to_state_dict(
        self, destination: dict, prefix: str, keep_vars: bool
    ) -> None:
        """Write mmengine's format: ``module.<key>`` and ``steps``."""
        for key, tensor in self.average_state_dict().items():
            destination[f'{prefix}module.{key}'] = tensor
        destination[f'{prefix}steps'] = torch.tensor(self.steps)

    def _load_from_state_dict(
        self,
        state_dict: dict,
        prefix: str,
        local_metadata: dict,
        strict: bool,
        missing_keys: list[str],
        unexpected_keys: list[str],
        error_msgs: list[str],
    ) -> None:
        """Read mmengine's format; what is not averaged is the model's."""
        self._refuse_swapped('load an average')
        start = f'{prefix}module.'
        values = {}
        for key, shape in self.averaged_shapes().items():
            value = state_dict.get(start + key)
            if value is None:
                missing_keys.append(start + key)
            elif value.shape != shape:
                error_msgs.append(
                    f'{start}{key} has shape {tuple(value.shape)} in the '
                    f'state dict and {tuple(shape)} in the model'
                )
            else:
                values[key] = value
        self._write(values)
        known = {f'{prefix}steps'}
        known.update(start + key for key in self.backend.shapes())
        unexpected_keys.extend(
            k for k in state_dict if k.startswith(prefix) and k not in known
        )
        if f'{prefix}steps' in state_dict:
            self.steps = int(state_dict[f'{prefix}steps'])
        else:
            missing_keys.append(f'{prefix}steps')

    def _write(self, values: dict[str, Tensor]) -> None:
        """Write whole tensors into the averages."""
        if self.backend.sharded:
            with self.swapped(self.backend.outer):
                self.backend.load_state_dict(values)
            return
        names, now = self.key_names(), self.average_now()
        for key, value in values.items():
            copy_([now[names[key]]], [value])

    def _apply(self, fn: Any, recurse: bool = True) -> 'SwitchEMA':
        """Move the averages (``.to``, ``.cuda``), but keep their dtype."""
        self._settle()
        for group in self._groups:
            group.averages[:] = [fn(a).to(a.dtype) for a in group.averages]
        return super()._apply(fn, recurse)

    def _settle(self) -> None:
        """Finish updates that go on elsewhere."""
        self._stream.join()
        for group in self._groups:
            group.settle()

    def _watch(self, model: nn.Module) -> None:
        """Note what must stay as it is for the prepared lists to hold."""
        modules = list(model.modules())
        self._owners = [module._parameters for module in modules]
        if self.options.update_buffers:
            buffers = [module._buffers for module in modules]
            self._owners += [b for b in buffers if b.keys() & STATISTICS]
        self._seen = _tensors_in(self._owners)
        tensors = filter(torch.is_tensor, self._seen)
        self._frozen = list(itertools.filterfalse(_REQUIRES_GRAD, tensors))
        self._sources = [t for group in self._groups for t in group.sources]
        devices = {value.device for value in self._sources}
        if self.options.side_stream and devices != self._stream.devices:
            self._stream = SideStream(devices)

    def _is_changed(self) -> bool:
        """Whether there are other parameters, or other trainable ones."""
        return (
            not same_objects(_tensors_in(self._owners), self._seen)
            or any(map(_REQUIRES_GRAD, self._frozen))
            or any(group.is_moved for group in self._groups)
            or self.backend.is_changed()
        )

    def _refuse_swapped(self, action: str) -> None:
        if self.is_swapped:
            raise RuntimeError(
                f'cannot {action} while the model holds the average: leave '
                'the swapped() context first'
            )

    def extra_repr(self) -> str:
        """Return the settings for ``repr``."""
        return f'{self.options}, steps={self.steps}'


def _alone(average: Tensor) -> Tensor:
    """Copy an average that lies beside others, whose bytes go along."""
    alone = average._base is None
    return average.detach() if alone else average.detach().clone()


def _tensors_in(owners: list[dict]) -> list[Optional[Tensor]]:
    """List the entries of dicts of tensors."""
    return list(itertools.chain.from_iterable(map(dict.values, owners)))


def _check_match(
    found: dict[str, Tensor], averages: dict[str, Tensor]
) -> None:
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
