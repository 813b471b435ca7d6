"""The mean loss over some batches, and its derivatives."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Callable

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from research.analysis.checks import check_batches, check_mode

from .measured_model import measured_model

__all__ = ['MeanLoss', 'Measure']

#: Of outputs and targets of a batch, the mean of something: shape ().
Measure = Callable[[Any, Any], Tensor]


class MeanLoss:
    r"""A loss as a function of the weights that a model holds.

    .. math:: L(w) = \frac{1}{N} \sum_b n_b \, \ell(f_w(x_b), y_b)

    with batches of :math:`n_b` samples, :math:`N = \sum_b n_b`, and
    :math:`\ell` the mean over a batch: each sample has the same weight,
    however the batches are cut (with the batch statistics of
    ``mode='train'``, a batch is part of the function).

    Vectors are of float64 and hold the trainable parameters (those that
    require a gradient), tied ones once, one after the other in the order of
    ``model.parameters()``; P is their number of elements. Sums over batches
    are in float64, what is inside a batch has the model's precision.
    Nothing about the model changes, see :func:`measured_model`.

    Args:
        model (nn.Module): Called with the inputs of a batch.
        loss_fn (Callable): ``loss_fn(outputs, targets)``, the mean loss of
            the batch, a tensor of shape ().
        batches (Sequence): Pairs of inputs and targets, on the model's
            device. ``len(targets)`` is the number of samples.
        mode (str): 'eval', or 'train' for the statistics of each batch in
            BatchNorm. Defaults to 'eval'.

    Attributes:
        model (nn.Module): The model.
        loss_fn (Callable): The mean loss of a batch.
        mode (str): 'eval' or 'train'.
        parameters (List[nn.Parameter]): The trainable parameters.
        size (int): P, the number of their elements.
        device (torch.device): Where vectors are.

    Raises:
        TypeError: If batches is no sequence.
        ValueError: If there is no sample, no such mode, or no trainable
            parameter.
    """

    def __init__(
        self,
        model: nn.Module,
        loss_fn: Measure,
        batches: Sequence[tuple[Any, Any]],
        mode: str = 'eval',
    ) -> None:
        check_mode(mode)
        check_batches(batches)
        self.parameters = [p for p in model.parameters() if p.requires_grad]
        if not self.parameters:
            raise ValueError(
                'the model has no trainable parameter: set requires_grad of '
                'those to differentiate by'
            )
        self.size = sum(p.numel() for p in self.parameters)
        self.device = self.parameters[0].device
        self.model, self.loss_fn, self.mode = model, loss_fn, mode
        self._batches = batches
        self._samples = sum(len(targets) for _, targets in batches)

    def value(self) -> float:
        """Return L(w); not finite if the model's loss is not."""
        return self.means({'loss': self.loss_fn})['loss']

    @torch.no_grad()
    def means(self, measures: Mapping[str, Measure]) -> dict[str, float]:
        """Average measures over the samples, in one pass for all.

        Args:
            measures (Mapping[str, Callable]): Names to functions like
                ``loss_fn``, each the mean over a batch.

        Returns:
            Dict[str, float]: The same names to the means over all samples.
        """
        totals = dict.fromkeys(measures, 0.0)
        with measured_model(self.model, self.mode):
            for inputs, targets in self._batches:
                outputs = self.model(inputs)
                for name, measure in measures.items():
                    mean = _checked(measure(outputs, targets), name)
                    totals[name] += mean.item() * len(targets) / self._samples
        return totals

    def gradient(self) -> Tensor:
        """Compute the gradient.

        Returns:
            Tensor: Of shape (P,).
        """
        total = self._zeros()
        with measured_model(self.model, self.mode), torch.enable_grad():
            for weight, loss in self._losses():
                parts = torch.autograd.grad(
                    loss, self.parameters, allow_unused=True
                )
                total += weight * self._joined(parts)
        return total

    def products(self, vectors: Tensor) -> Tensor:
        """Multiply the Hessian with vectors, by differentiating twice.

        The first derivative of a batch is computed once for all vectors, of
        which each then costs about two passes backward (Pearlmutter, Neural
        Computation 1994). Attention runs without the fused kernels, which
        cannot be differentiated twice.

        Args:
            vectors (Tensor): K vectors, of shape (K, P).

        Returns:
            Tensor: Of shape (K, P).
        """
        total = torch.zeros_like(vectors)
        with (
            measured_model(self.model, self.mode),
            torch.enable_grad(),
            sdpa_kernel(SDPBackend.MATH),
        ):
            for weight, loss in self._losses():
                gradient = torch.autograd.grad(
                    loss,
                    self.parameters,
                    create_graph=True,
                    allow_unused=True,
                )
                for row, vector in zip(total, vectors):
                    row += weight * self._product(gradient, vector)
        return total

    def split(self, vector: Tensor) -> list[Tensor]:
        """Return views of a vector of shape (P,) in the parameters' shapes."""
        parts = vector.split([p.numel() for p in self.parameters])
        return [v.view(p.shape) for v, p in zip(parts, self.parameters)]

    @torch.no_grad()
    def move_(self, center: Sequence[Tensor], step: Tensor) -> None:
        """Set the parameters to a place beside others, in place.

        Args:
            center (Sequence[Tensor]): Values, one per parameter.
            step (Tensor): What to add to them, of shape (P,).
        """
        for parameter, value, part in zip(
            self.parameters, center, self.split(step)
        ):
            parameter.copy_(value.double() + part)

    def _losses(self) -> Iterator[tuple[float, Tensor]]:
        for inputs, targets in self._batches:
            loss = self.loss_fn(self.model(inputs), targets)
            yield len(targets) / self._samples, _differentiable(loss)

    def _product(self, gradient: Sequence, vector: Tensor) -> Tensor:
        pairs = [
            (g, v.to(g.dtype))
            for g, v in zip(gradient, self.split(vector))
            if g is not None and g.requires_grad
        ]
        if not pairs:  # A loss that is linear in the weights.
            return self._zeros()
        outputs, weights = zip(*pairs)
        parts = torch.autograd.grad(
            outputs,
            self.parameters,
            weights,
            retain_graph=True,
            allow_unused=True,
        )
        return self._joined(parts)

    def _joined(self, parts: Sequence) -> Tensor:
        total = self._zeros()
        for target, part in zip(self.split(total), parts):
            if part is not None:
                target.copy_(part.detach())
        return total

    def _zeros(self) -> Tensor:
        return torch.zeros(self.size, dtype=torch.float64, device=self.device)


def _checked(mean: Any, name: str) -> Tensor:
    """Check that a measure of a batch is one number."""
    if not isinstance(mean, Tensor) or mean.ndim:
        got = getattr(mean, 'shape', type(mean).__name__)
        raise ValueError(
            f'the {name} must be the mean over a batch, a tensor of shape '
            f'(); got {got}'
        )
    return mean


def _differentiable(loss: Any) -> Tensor:
    """Check that derivatives of a loss exist and mean something."""
    loss = _checked(loss, 'loss')
    if not loss.isfinite():
        raise RuntimeError(
            f'the loss of a batch is {loss.item()}, which has no derivative: '
            'has the training diverged?'
        )
    if not loss.requires_grad:
        raise RuntimeError(
            'the loss does not depend on the trainable parameters: is there '
            'a detach or no_grad in the model or in loss_fn?'
        )
    return loss
