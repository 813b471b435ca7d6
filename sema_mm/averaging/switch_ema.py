"""The averaged model: what is averaged, and how it is read and written."""

import contextlib
import math
from collections.abc import Iterator
from typing import Any, Callable, Optional, Union

import torch
from torch import Tensor, nn

from ..sharding import Backend, backend_of
from ..sharding.model_tensors import bare_name, running_statistics
from . import checkpoint_format
from .averaging_options import AveragingOptions, check_names
from .functional import exchange_, relative_distance
from .model_watch import ModelWatch, check_match
from .side_stream import SideStream
from .tensor_group import TensorGroup, group_tensors

__all__ = ['SwitchEMA']

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

    It holds an average for each trainable parameter (tied ones once), in
    float32 where the parameter has less precision, and a reference to the
    model, from which it reads all else (frozen parameters, buffers). A
    parameter that becomes trainable later joins with its value of that
    moment; one that is frozen later stays averaged. The model's tensors are
    written in place: their ``data_ptr()`` never changes.

    Where a rank holds only a part of each parameter (FSDP, DeepSpeed), it
    holds the average of that part. All ranks must then switch, swap, save
    and load together; an update needs no communication.

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
        RuntimeError: By any change while the model holds the average.

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
        self._watch: ModelWatch
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
        """Find again what the model has, and what of it is trainable.

        Every other method does so by itself; :meth:`update_parameters` only
        after changes inside known sub-modules, to cost nothing per step.

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
        check_match(found, averages)
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
        buffers = self.options.update_buffers
        self._watch = ModelWatch(backend, self._groups, buffers)
        self._sources = [t for group in self._groups for t in group.sources]
        devices = {value.device for value in self._sources}
        if self.options.side_stream and devices != self._stream.devices:
            self._stream = SideStream(devices)

    def update_parameters(
        self, model: nn.Module, skip_if: Optional[Judge] = None
    ) -> None:
        """Update the average: call it after every optimizer step.

        Args:
            model (nn.Module): The model, maybe wrapped.
            skip_if (Callable, optional): Called with the tensors that the
                update reads. If it returns True, the update is skipped and
                not counted; if it returns a bool tensor of shape (), the
                update is counted, and skipped on the device where the
                tensor is true. Defaults to None.
        """
        self._refuse_swapped('update the average')
        if not self.backend.holds(model) or self._watch.is_changed():
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
        """Return the weight of the new value: 1 first, then the momentum.

        Args:
            step (int): Index of the update, from 0, a multiple of
                ``interval``.
        """
        if step == 0:
            return 1.0
        if not self.options.compound:
            return self.momentum_at(step)
        skipped = range(step - self.options.interval + 1, step + 1)
        return 1 - math.prod(1 - self.momentum_at(t) for t in skipped)

    def before_step(self) -> None:
        """Make the device wait for the update, with ``side_stream=True``."""
        self._stream.join()

    def switch_parameters(
        self, model: nn.Module, keep_origin: bool = False
    ) -> None:
        """Write the average, which stays as it is, into the model in place.

        Args:
            model (nn.Module): The model, maybe wrapped.
            keep_origin (bool): Keep the model's weights of this moment
                until the next update, for :meth:`origin`. Defaults to
                False.
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
        """Exchange average and model in the context, exceptions included.

        Args:
            model (nn.Module): The model, maybe wrapped.

        Yields:
            nn.Module: The same model, which now holds the average.
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
        """Put the weights that the optimizer left back in the context.

        They differ from the model's after a switch with ``keep_origin=True``.

        Args:
            model (nn.Module): The model, maybe wrapped.

        Yields:
            nn.Module: The same model, which now holds the origin.
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
        """Set the running statistics of the average until the next call.

        :func:`.batch_norm.estimate_statistics` estimates them.

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
        """Run the model with the averaged weights, without gradients.

        Args:
            *args: Passed to the model.
            **kwargs: Passed to the model.

        Returns:
            Any: What the model returns.

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
        """Return ``|model - average| / |model|`` over all averaged tensors."""
        self._settle()
        groups = [group for group in self._groups if not group.fixed]
        return relative_distance(
            [value for group in groups for value in group.values],
            [average for group in groups for average in group.averages],
        )

    def average_now(self) -> dict[str, Tensor]:
        """Map bare names to the live tensors that hold the average now."""
        self._settle()
        found: dict[str, Tensor] = {}
        for group in self._groups:
            found.update(group.average_now())
        return found

    def model_now(self) -> dict[str, Tensor]:
        """Map bare names to the live tensors of the model's own weights."""
        found: dict[str, Tensor] = {}
        for group in self._groups:
            found.update(group.model_now())
        return found

    def tensors(self) -> dict[str, Tensor]:
        """Map bare names to the model's tensors that are averaged."""
        found: dict[str, Tensor] = {}
        for group in self._groups:
            found.update(zip(group.names, group.values))
        return found

    def _save_to_state_dict(
        self, destination: dict, prefix: str, keep_vars: bool
    ) -> None:
        """Write mmengine's format."""
        checkpoint_format.save(self, destination, prefix)

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
        found = checkpoint_format.load(self, state_dict, prefix)
        missing_keys += found[0]
        unexpected_keys += found[1]
        error_msgs += found[2]

    def _apply(self, fn: Any, recurse: bool = True) -> 'SwitchEMA':
        """Move the averages (``.to``, ``.cuda``), but keep their dtype."""
        self._settle()
        for group in self._groups:
            group.averages[:] = [fn(a).to(a.dtype) for a in group.averages]
        return super()._apply(fn, recurse)

    def _settle(self) -> None:
        """Finish updates that are still in flight."""
        self._stream.join()
        for group in self._groups:
            group.settle()

    def _refuse_swapped(self, action: str) -> None:
        if self.is_swapped:
            raise RuntimeError(
                f'cannot {action} while the model holds the average: leave '
                'the swapped() context first'
            )

    def extra_repr(self) -> str:
        """Return the settings for ``repr``."""
        return f'{self.options}, steps={self.steps}'
