"""Logits stored as the k largest and one number for the rest."""

import math

from torch import Tensor


def largest_logits(logits: Tensor, k: int) -> dict[str, Tensor]:
    """The k largest logits, and the logit that spreads the remaining probability evenly over the other classes.

    The softmax of what :func:`all_logits` makes of it has the probabilities of the k classes unchanged.

    Args:
        logits: (M, K) float32.
        k: below K.

    Returns:
        ``values`` (M, k), ``classes`` (M, k) int32, ``rest`` (M,).
    """
    values, classes = logits.topk(k, dim=1)
    others = logits.scatter(1, classes, -math.inf)
    rest = others.logsumexp(1) - math.log(logits.shape[1] - k)
    return {'values': values, 'classes': classes.int(), 'rest': rest}


def all_logits(values: Tensor, classes: Tensor, rest: Tensor, *, num_classes: int) -> Tensor:
    """(M, K) logits from what :func:`largest_logits` gives, in its dtype.

    >>> import torch
    >>> all_logits(torch.tensor([[5.0]]), torch.tensor([[2]]), torch.tensor([-1.0]), num_classes=4)
    tensor([[-1., -1.,  5., -1.]])
    """
    return rest[:, None].repeat(1, num_classes).scatter(1, classes.long(), values)
