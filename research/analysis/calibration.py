"""How well a classifier's confidence fits its accuracy."""

import torch
from torch import Tensor

__all__ = ['expected_calibration_error']


def expected_calibration_error(
    probabilities: Tensor, labels: Tensor, bins: int = 15
) -> float:
    r"""Compute the expected calibration error (ECE) of a classifier.

    The confidence of a prediction is its largest probability. Predictions
    are put into M bins of equal width, bin m being
    :math:`((m - 1) / M, m / M]`, and

    .. math::
        \mathrm{ECE} = \sum_{m=1}^{M} \frac{|B_m|}{n}
        \left| \mathrm{acc}(B_m) - \mathrm{conf}(B_m) \right|

    with the accuracy and the mean confidence of each bin: equation 3 of Guo
    et al., On Calibration of Modern Neural Networks (arXiv 1706.04599).

    Args:
        probabilities (Tensor): Of shape (N, C); each row adds up to 1.
        labels (Tensor): Classes, from 0, of shape (N,).
        bins (int): Number of bins M, at least 1. Defaults to 15, as there.

    Returns:
        float: The error, from 0 (calibrated) to 1.

    Raises:
        ValueError: If shapes do not fit, if there is no sample, or if a row
            holds no probabilities.
    """
    if bins < 1:
        raise ValueError(f'bins={bins} must be at least 1')
    if probabilities.ndim != 2 or labels.shape != probabilities.shape[:1]:
        raise ValueError(
            'probabilities must be of shape (N, C) and labels of (N,); got '
            f'{tuple(probabilities.shape)} and {tuple(labels.shape)}'
        )
    if not len(labels):
        raise ValueError('probabilities has no row: nothing to calibrate')
    rows = probabilities.double()
    if not ((rows >= 0).all() and ((rows.sum(1) - 1).abs() < 1e-2).all()):
        raise ValueError(
            'a row of probabilities does not add up to 1, or has a negative '
            'or NaN: write logits.softmax(1)'
        )
    confidence, predicted = rows.max(1)
    gap = (predicted == labels).double() - confidence
    edges = torch.linspace(0, 1, bins + 1, dtype=rows.dtype)[1:-1]
    where = torch.bucketize(confidence, edges.to(rows.device))
    gaps = rows.new_zeros(bins).index_add_(0, where, gap)
    return float(gaps.abs().sum() / len(labels))
