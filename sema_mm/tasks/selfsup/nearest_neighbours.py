"""Classification by the nearest neighbours in a bank of features."""

import torch
from torch import Tensor

__all__ = ['nearest', 'vote']

#: Rows of the bank that are compared at a time.
CHUNK = 65536


def nearest(
    queries: Tensor, bank: Tensor, k: int, chunk: int = CHUNK
) -> tuple[Tensor, Tensor]:
    """Find the most similar rows of a bank, without the whole product.

    Args:
        queries (Tensor): Features of Euclidean norm 1, of shape (Q, C).
        bank (Tensor): Features of norm 1, of shape (N, C), N at least k.
        k (int): Number of neighbours.
        chunk (int): Rows of the bank to compare at a time: a product of
            (Q, chunk) numbers is all that is held. Defaults to 65536.

    Returns:
        Tuple[Tensor, Tensor]: The k largest cosines of each query, and the
        rows of the bank that have them, from the most similar one on; both
        of shape (Q, k).
    """
    cosines = queries.new_empty(len(queries), 0)
    rows = torch.empty_like(cosines, dtype=torch.long)
    for start in range(0, len(bank), chunk):
        new = queries @ bank[start : start + chunk].T
        new, where = new.topk(min(k, new.shape[1]), dim=1)
        cosines = torch.cat([cosines, new], dim=1)
        rows = torch.cat([rows, where + start], dim=1)
        cosines, best = cosines.topk(min(k, cosines.shape[1]), dim=1)
        rows = rows.gather(1, best)
    return cosines, rows


def vote(
    cosines: Tensor, labels: Tensor, classes: int, temperature: float
) -> Tensor:
    """Let neighbours vote, each with the weight ``exp(cosine / temperature)``.

    The weights are those of Wu et al. (arXiv 1805.01978, section 3.4).

    Args:
        cosines (Tensor): Cosines of queries and neighbours, of shape (Q, k).
        labels (Tensor): Classes of the neighbours, from 0, of shape (Q, k).
        classes (int): Number of classes.
        temperature (float): Above 0; the smaller, the more the nearest
            count.

    Returns:
        Tensor: Scores of shape (Q, classes), which add up to 1.
    """
    weights = (cosines / temperature).softmax(dim=1)
    scores = weights.new_zeros(len(weights), classes)
    return scores.scatter_add_(1, labels, weights)
