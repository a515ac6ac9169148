"""The Kullback-Leibler divergence of softmax probabilities, accurate for nearly equal ones too."""

import torch
from torch import Tensor

NEAR = 0.1


def relative_entropy(student: Tensor, teacher: Tensor) -> Tensor:
    """``KL(softmax(teacher) || softmax(student))`` over the last dimension.

    At high temperatures all probabilities are nearly equal. The usual sum of differences of logarithms then cancels to
    rounding errors, which the factor temperature^2 makes large. With the teacher's probabilities p, and w the
    difference of the logits minus its mean under p, the divergence is ``log sum p exp(-w) = log(1 + sum p (exp(-w) - 1
    + w))``, whose summands are positive. Where all w are small, they are computed by a series.

    Args:
        student: logits (..., K), already divided by the temperature.
        teacher: of the student's shape.

    Returns:
        (...).

    >>> student, teacher = torch.zeros(1, 2), torch.tensor([[0.002, 0.]])
    >>> relative_entropy(student, teacher) * 1e6  # nearly 1e-3^2 / 2
    tensor([0.5000])
    """
    log_teacher = teacher.log_softmax(-1)
    probabilities = log_teacher.exp()
    gap = teacher - student
    gap = gap - (probabilities * gap).sum(-1, keepdim=True)
    near = gap.detach().abs().amax(-1) < NEAR
    second_order = (probabilities * _exp_beyond_first_order(-gap.where(near[..., None], 0))).sum(-1)
    return torch.where(near, second_order.log1p(), (log_teacher - gap).logsumexp(-1))


def _exp_beyond_first_order(x: Tensor) -> Tensor:
    """``exp(x) - 1 - x`` for small x by its series, accurate in float64 for ``|x|`` below :data:`NEAR`."""
    series = torch.ones_like(x)
    for order in range(9, 2, -1):
        series = 1 + x / order * series
    return x.square() / 2 * series
