"""Class probabilities from what a recognizer predicts."""

import torch
from torch import Tensor


def class_probabilities(scores: Tensor) -> Tensor:
    """Probabilities (Q, K), float64, of a recognizer's ``pred_scores``.

    With ``average_clips='prob'`` they are probabilities already, with ``'score'`` logits; samples do not say which.
    Rows that are all without negative values and with the sum 1 are probabilities.

    Args:
        scores: (Q, K).

    Raises:
        ValueError: some rows are probabilities and some are not.

    >>> class_probabilities(torch.tensor([[0.25, 0.75]])), class_probabilities(torch.tensor([[3.0, 3.0]]))
    (tensor([[0.2500, 0.7500]], dtype=torch.float64), tensor([[0.5000, 0.5000]], dtype=torch.float64))
    """
    scores = scores.double()
    sums = scores.sum(1, keepdim=True)
    # Half-precision softmax gives sums that differ from 1 in the third digit.
    is_distribution = (scores >= 0).all(1) & ((sums[:, 0] - 1).abs() < 5e-3)
    if is_distribution.all():
        return scores / sums
    if is_distribution.any():
        raise ValueError(f'{int(is_distribution.sum())} of {len(scores)} score vectors are probabilities and the rest '
                         "are not: set average_clips='prob' or 'score' on the student's head, the same for all samples")
    return scores.softmax(1)


def log_probabilities(probabilities: Tensor) -> Tensor:
    """The logarithms; where float32 had rounded a probability to 0, that of its smallest number (-87.3)."""
    return probabilities.clamp(min=torch.finfo(torch.float32).tiny).log()
