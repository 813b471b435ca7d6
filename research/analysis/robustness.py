"""What a classifier does when its images, or its seed, change."""

import contextlib
from collections.abc import Iterator
from typing import Callable, Optional

import torch
from torch import Tensor, nn

__all__ = ['agreement', 'fgsm', 'gaussian_noise']


def gaussian_noise(
    images: Tensor,
    sigma: float,
    seed: int,
    low: Optional[float] = None,
    high: Optional[float] = None,
) -> Tensor:
    """Add independent Gaussian noise to each value.

    One seed and one shape give one noise: give all images at once, or each
    batch a seed of its own. torch's own random numbers are left alone.

    Args:
        images (Tensor): Floating-point images of any shape.
        sigma (float): Standard deviation of the noise, in the unit of the
            values in ``images``; at least 0.
        seed (int): Seed of the noise.
        low (float, optional): Values below are clipped. Defaults to None.
        high (float, optional): Values above are clipped. Defaults to None.

    Returns:
        Tensor: New images, like the given ones.

    Raises:
        ValueError: If ``sigma`` is negative, or images are integers.
    """
    _check(images, 'sigma', sigma)
    generator = torch.Generator().manual_seed(seed)
    noise = torch.randn(images.shape, generator=generator).to(images)
    return _clip(images + sigma * noise, low, high)


def fgsm(
    model: nn.Module,
    loss_fn: Callable[[Tensor, Tensor], Tensor],
    images: Tensor,
    labels: Tensor,
    epsilon: float,
    low: Optional[float] = None,
    high: Optional[float] = None,
) -> Tensor:
    r"""Attack a model by the fast gradient sign method.

    .. math::
        x' = x + \epsilon \, \mathrm{sign} \nabla_x L(f(x), y)

    of Goodfellow et al., Explaining and Harnessing Adversarial Examples
    (arXiv 1412.6572, section 4). The model is in eval mode meanwhile, and is
    left as it was: parameters, their gradients, modes and buffers.

    Args:
        model (nn.Module): Maps images to the first argument of ``loss_fn``.
        loss_fn (callable): Takes the model's output and the labels, and
            returns a loss of shape (). Its scale does not matter.
        images (Tensor): Floating-point images, batch first.
        labels (Tensor): Their labels.
        epsilon (float): How far each value moves, in the unit of the values
            in ``images``; at least 0.
        low (float, optional): Values below are clipped. Defaults to None.
        high (float, optional): Values above are clipped. Defaults to None.

    Returns:
        Tensor: New images, like the given ones, without a graph. A value
        that the loss does not depend on stays.

    Raises:
        ValueError: If ``epsilon`` is negative, or images are integers.
        RuntimeError: If a gradient is not finite.
    """
    _check(images, 'epsilon', epsilon)
    inputs = images.detach().clone().requires_grad_()
    with _evaluating(model), torch.enable_grad():
        loss = loss_fn(model(inputs), labels)
        (gradient,) = torch.autograd.grad(loss, inputs)
    if not gradient.isfinite().all():
        raise RuntimeError(
            f'a loss of {float(loss.detach()):g} has a gradient by the images '
            'that is not finite: these weights cannot be attacked'
        )
    return _clip(images.detach() + epsilon * gradient.sign(), low, high)


def agreement(predictions_a: Tensor, predictions_b: Tensor) -> float:
    """Compute the fraction of samples with one prediction by two models.

    Args:
        predictions_a (Tensor): Predicted classes, of any shape.
        predictions_b (Tensor): Those of the other model, in the same order.

    Returns:
        float: From 0 to 1; of a model with itself it is 1.

    Raises:
        ValueError: If the shapes differ, there is no prediction, or they are
            scores.
    """
    if predictions_a.shape != predictions_b.shape or not len(predictions_a):
        raise ValueError(
            'predictions must be as many, and at least one; got the shapes '
            f'{tuple(predictions_a.shape)} and {tuple(predictions_b.shape)}'
        )
    if predictions_a.is_floating_point() or predictions_b.is_floating_point():
        raise ValueError('predictions are classes: write scores.argmax(1)')
    return float((predictions_a == predictions_b).double().mean())


@contextlib.contextmanager
def _evaluating(model: nn.Module) -> Iterator[None]:
    """Put a model into eval mode, and each of its parts back."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, mode in modes:
            module.training = mode


def _clip(
    images: Tensor, low: Optional[float], high: Optional[float]
) -> Tensor:
    if low is None and high is None:
        return images
    return images.clamp(low, high)


def _check(images: Tensor, name: str, size: float) -> None:
    if not images.is_floating_point():
        raise ValueError(
            f'images must be floating-point; got {images.dtype}: write '
            'images.float(), scaled as the model takes them'
        )
    if not size >= 0:
        raise ValueError(f'{name}={size} must be at least 0')
