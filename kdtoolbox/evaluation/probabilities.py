"""Class probabilities from the scores of a recognizer, and the ranking of classes with equal scores."""

import torch
from torch import Tensor

AVERAGES = ('prob', 'score')  # of mmaction2's heads: what is averaged over the clips of a video


def checked_average(average_clips: str | None, *, metric: str) -> str:
    """Check that ``average_clips`` is given.

    Raises:
        ValueError: it does not.
    """
    if average_clips not in AVERAGES:
        raise ValueError(
            f"{metric}(average_clips={average_clips!r}): expected 'prob' or 'score', as the student's head "
            'has it: whether scores are probabilities or logits cannot be told from them. Set '
            "average_clips='prob' on the cls_head, from which kdtoolbox takes it, or on the metric"
        )
    return average_clips


def class_probabilities(scores: Tensor, *, average_clips: str) -> Tensor:
    """Probabilities (Q, K), float64, of a recognizer's ``pred_scores``.

    Args:
        scores: (Q, K).
        average_clips: of its head; with ``'prob'`` they are probabilities already, with ``'score'`` logits.

    Raises:
        ValueError: with ``'prob'``, some rows are no probabilities.

    >>> scores = torch.tensor([[0.25, 0.75]])
    >>> class_probabilities(scores, average_clips='prob'), class_probabilities(scores, average_clips='score')
    (tensor([[0.2500, 0.7500]], dtype=torch.float64), tensor([[0.3775, 0.6225]], dtype=torch.float64))
    """
    scores = scores.double()
    if average_clips == 'score':
        return scores.softmax(1)
    sums = scores.sum(1, keepdim=True)
    # Half-precision softmax gives sums that differ from 1 in the third digit.
    is_distribution = (scores >= 0).all(1) & ((sums[:, 0] - 1).abs() < 5e-3)
    if not is_distribution.all():
        raise ValueError(
            f"average_clips='prob', but {int((~is_distribution).sum())} of {len(scores)} score vectors are "
            "no probabilities (0 or more, sum 1): set it as the student's head has it, 'score' for logits"
        )
    return scores / sums


def average_over_clips(logits: Tensor, *, average_clips: str) -> Tensor:
    """Probabilities (K,) of a video from the logits (M, K) of its clips, averaged as mmaction2's heads do."""
    return logits.softmax(1).mean(0) if average_clips == 'prob' else logits.mean(0).softmax(0)


def ranked_classes(scores: Tensor) -> Tensor:
    """The classes (Q, K) from the highest score to the lowest; of equal ones the lowest class first.

    >>> ranked_classes(torch.tensor([[0.2, 0.4, 0.4]]))
    tensor([[1, 2, 0]])
    """
    return scores.sort(dim=1, descending=True, stable=True).indices


def log_probabilities(probabilities: Tensor) -> Tensor:
    """The logarithms; where float32 had rounded a probability to 0, that of its smallest number (-87.3)."""
    return probabilities.clamp(min=torch.finfo(torch.float32).tiny).log()
