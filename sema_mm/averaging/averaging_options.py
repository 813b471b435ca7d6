"""The arguments of an average."""

import dataclasses
import difflib
import inspect
from collections.abc import Iterable
from typing import Optional, Union

import torch

from .arguments import check_count, check_flag
from .momentum import MomentumSchedule

__all__ = ['AveragingOptions', 'check_names']


@dataclasses.dataclass(frozen=True)
class AveragingOptions:
    """The arguments that :class:`SwitchEMA` and its hook have in common.

    Args:
        momentum (float): Weight of the NEW value, above 0 and at most 0.5;
            a decay of 0.999 is 0.001. Defaults to 0.001.
        warmup (str, optional): Warm-up of the momentum, see
            :class:`MomentumSchedule`. Defaults to None.
        warmup_iters (int): Length of the warm-up in updates, counted from
            the first update. Defaults to 0.
        warmup_ratio (float): Factor on the decay at the start of the
            warm-up. Defaults to 0.9.
        gamma (float, optional): Time constant in updates of the warm-ups
            'anneal' and 'exp_momentum'. Defaults to None.
        interval (int): Average every ``interval``-th update; the first
            always. Defaults to 1.
        compound (bool): Compound the momentum over the ``interval`` updates,
            so that the window does not become longer. Defaults to False.
        device (torch.device or str, optional): Device of the averages;
            None for that of each parameter. 'cpu' under a model on a GPU is
            experimental: it takes no memory of the GPU, and an update does
            not wait for the copies. Defaults to None.
        side_stream (bool): Experimental. On a GPU, update on a separate
            stream, beside the next forward and backward pass;
            :meth:`SwitchEMA.before_step` then has to be called before each
            optimizer step, and nothing else may change the weights in
            between. Defaults to False.
        update_buffers (bool): Also average the running means and variances
            of normalisation layers, instead of reading them from the model.
            Defaults to False.

    Raises:
        TypeError: If an argument has the wrong type.
        ValueError: If an argument is out of its range, or would have no
            effect.
    """

    momentum: float = 0.001
    warmup: Optional[str] = None
    warmup_iters: int = 0
    warmup_ratio: float = 0.9
    gamma: Optional[float] = None
    interval: int = 1
    compound: bool = False
    device: Optional[Union[str, torch.device]] = None
    side_stream: bool = False
    update_buffers: bool = False

    def __post_init__(self) -> None:
        self.momentum_schedule()
        check_count('interval', self.interval, 1)
        check_flag('compound', self.compound)
        check_flag('side_stream', self.side_stream)
        check_flag('update_buffers', self.update_buffers)
        if self.side_stream and self.update_buffers:
            raise ValueError(
                'side_stream=True and update_buffers=True do not go together: '
                'a forward pass changes the running statistics while the '
                'update reads them; use one of the two'
            )
        _check_device(self.device)

    def momentum_schedule(self) -> MomentumSchedule:
        """Return the momentum of every update."""
        return MomentumSchedule(
            self.momentum,
            self.warmup,
            self.warmup_iters,
            self.warmup_ratio,
            self.gamma,
        )

    @property
    def steps_per_momentum(self) -> int:
        """int: Optimizer steps that move the average by ``momentum``."""
        return 1 if self.compound else self.interval

    @property
    def window(self) -> float:
        """float: Optimizer steps that the average remembers."""
        return self.steps_per_momentum / self.momentum


def check_names(owner: type, given: Iterable[str]) -> None:
    """Refuse arguments that neither a class nor AveragingOptions has.

    Args:
        owner (type): A class that passes other arguments on as ``options``.
        given (Iterable[str]): Names of these.

    Raises:
        TypeError: If there is one; the message suggests the nearest name.
    """
    known = {*inspect.signature(owner).parameters} - {'model', 'options'}
    known |= {field.name for field in dataclasses.fields(AveragingOptions)}
    for name in given:
        if name not in known:
            near = difflib.get_close_matches(name, known, 1)
            hint = f"did you mean '{near[0]}'?" if near else 'there are '
            listed = '' if near else ', '.join(sorted(known))
            raise TypeError(
                f"{owner.__name__} has no argument '{name}': {hint}{listed}"
            )


def _check_device(device: Optional[Union[str, torch.device]]) -> None:
    """Refuse a device on which this machine can make no tensor."""
    if device is None:
        return
    try:
        torch.empty(0, device=device)
    except (RuntimeError, TypeError, AssertionError) as error:
        raise ValueError(
            f"device={device!r} cannot be used: write 'cpu', 'cuda', or "
            f'None for the device of the model ({str(error).splitlines()[0]})'
        ) from error
