"""Weighted sums of solutions, written into a model."""

from collections.abc import Mapping, Sequence
from typing import Union

import torch
from torch import Tensor, nn

__all__ = ['Mixture', 'Solution']

#: A model, or the state dict of one.
Solution = Union[nn.Module, Mapping[str, Tensor]]


class Mixture:
    """Set a model to weighted sums of solutions.

    Parameters (tied ones once) and buffers of floating point that are in
    the state dict are mixed, in float64; other buffers stay the model's.

    Args:
        model (nn.Module): The model.
        solutions (Sequence[Solution]): Models like it, or state dicts.

    Raises:
        ValueError: If a solution lacks a tensor of the model, or has it in
            another shape.
    """

    def __init__(
        self, model: nn.Module, solutions: Sequence[Solution]
    ) -> None:
        states = [
            s.state_dict() if isinstance(s, nn.Module) else s
            for s in solutions
        ]
        parameters = dict(model.named_parameters())
        saved = model.state_dict().keys()
        buffers = {
            name: buffer
            for name, buffer in model.named_buffers()
            if name in saved and buffer.is_floating_point()
        }
        self._parameters = [
            (p, _find(states, name, p)) for name, p in parameters.items()
        ]
        self._buffers = {
            name: (buffer, _find(states, name, buffer))
            for name, buffer in buffers.items()
        }

    @torch.no_grad()
    def set_(self, weights: Sequence[float]) -> None:
        """Write a weighted sum into the model, in place.

        Args:
            weights (Sequence[float]): One per solution, 1 in all.
        """
        for target, values in (*self._parameters, *self._buffers.values()):
            parts = [value.to(target.device) for value in values]
            if all(torch.equal(part, parts[0]) for part in parts[1:]):
                target.copy_(parts[0])  # An infinite entry of a mask, too.
            else:
                terms = [w * p.double() for w, p in zip(weights, parts)]
                target.copy_(sum(terms[1:], terms[0]))

    def has_negative_variance(self) -> bool:
        """Tell whether the sum has made a running variance negative.

        Returns:
            bool: Whether BatchNorm cannot use what the model holds.
        """
        return any(
            name.endswith('running_var') and bool((buffer < 0).any())
            for name, (buffer, _) in self._buffers.items()
        )

    def product(self, first: int, second: int) -> float:
        """Multiply two differences from the first solution.

        Args:
            first (int): Index of a solution, a.
            second (int): Index of another one, b.

        Returns:
            float: Inner product of a - o and b - o over all parameters, o
            the solution of index 0.
        """
        total = 0.0
        for _, values in self._parameters:
            a, b = (values[i].double() - values[0] for i in (first, second))
            total += float((a * b).sum())
        return total


def _find(
    states: Sequence[Mapping[str, Tensor]], name: str, like: Tensor
) -> list[Tensor]:
    found = []
    for number, state in enumerate(states):
        value = state.get(name)
        if value is None or value.shape != like.shape:
            has = 'nothing' if value is None else f'{tuple(value.shape)}'
            raise ValueError(
                f'solution {number} is of another model: the model has '
                f"'{name}' of shape {tuple(like.shape)}, it has {has}"
            )
        found.append(value.detach().clone())
    return found
