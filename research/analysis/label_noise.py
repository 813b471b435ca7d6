"""Symmetric noise in class labels."""

import torch
from torch import Tensor

__all__ = ['symmetric_noise']


def symmetric_noise(
    labels: Tensor, rate: float, classes: int, seed: int
) -> Tensor:
    """Replace labels by other classes, each with one probability.

    A label is replaced with probability ``rate``, by one of the OTHER
    classes, each as likely: ``rate`` is the expected fraction of wrong
    labels. Kim et al. (arXiv 1908.07387) call this exclusive. With the
    inclusive convention, which draws from all classes, a rate r is what is
    ``r * (classes - 1) / classes`` here.

    What happens to the i-th label depends on the seed, on i and on the label
    alone, not on how many follow. A larger rate replaces the same labels, by
    the same classes, and more of them. torch's own random numbers are left
    alone.

    Args:
        labels (Tensor): Classes, from 0, of any integer dtype and shape;
            they are counted in the order of memory of a contiguous tensor.
        rate (float): Probability that a label is replaced, from 0 to 1.
        classes (int): Number of classes, at least 2.
        seed (int): Seed of the noise.

    Returns:
        Tensor: New labels, of the dtype, shape and device of ``labels``.

    Raises:
        ValueError: If an argument is out of its range.
    """
    if not 0 <= rate <= 1:
        raise ValueError(f'rate={rate} is no probability: write 0 to 1')
    if classes < 2:
        raise ValueError(f'classes={classes} leaves no other: write 2 or more')
    if labels.is_floating_point():
        raise ValueError(f'labels must be integers; got {labels.dtype}')
    if ((labels < 0) | (labels >= classes)).any():
        raise ValueError(
            f'labels from {labels.min()} to {labels.max()} do not fit '
            f'classes={classes}: they must be from 0 to {classes - 1}'
        )
    generator = torch.Generator().manual_seed(seed)
    shape = (*labels.shape, 2)
    draws = torch.rand(shape, dtype=torch.float64, generator=generator)
    replaced, which = draws.to(labels.device).unbind(-1)
    other = (labels.long() + 1 + (which * (classes - 1)).long()) % classes
    return torch.where(replaced < rate, other.to(labels.dtype), labels)
