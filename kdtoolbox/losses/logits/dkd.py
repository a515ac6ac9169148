"""Decoupled knowledge distillation, Zhao et al., CVPR 2022, arXiv:2203.08679."""

import torch
from torch import Tensor, nn

from kdtoolbox.losses.shared.full_precision import in_full_precision
from kdtoolbox.losses.shared.hard_labels import other_classes, over_labelled
from kdtoolbox.losses.shared.option_checks import checked_temperature
from kdtoolbox.losses.shared.relative_entropy import relative_entropy
from kdtoolbox.method_card import from_paper
from kdtoolbox.registry import register_loss


@in_full_precision
@over_labelled
def dkd(
    student: Tensor, teacher: Tensor, *, labels: Tensor, alpha: float = 1.0, beta: float = 8.0, temperature: float = 4.0
) -> Tensor:
    """``temperature^2 * (alpha * TCKD + beta * NCKD)``, equation 7 of the paper, the mean over the batch.

    TCKD is the KL divergence between the teacher's and the student's odds of the right class against all others, NCKD
    the one between their softmax over the other classes alone. With alpha 1 and beta ``1 - p_teacher(label)`` it would
    be :func:`kl_divergence`.

    Both come from the logits by logsumexp. Public code masks the right class by subtracting 1000 from its logit, which
    stays in the sum, and takes the logarithm of a probability, which is 0 in float32 from a logit gap of about 110.

    Args:
        student: logits (N, K), or (N, T', K): then each frame counts with its clip's label.
        teacher: of the student's shape.
        labels: (N,), -1 for a sample without one: it counts 0 in the mean; with none at all the loss is 0.

    Raises:
        ValueError: the shapes differ or are not those of logits, K < 3, or a label is not a class.

    >>> logits, labels = torch.tensor([[4., 1., 0.]]), torch.tensor([0])
    >>> dkd(logits, logits + 7, labels=labels)  # the same probabilities
    tensor(0.)
    """
    student_odds, student_rest = _split(student / temperature, labels)
    teacher_odds, teacher_rest = _split(teacher / temperature, labels)
    tckd = relative_entropy(student_odds, teacher_odds).mean()
    nckd = relative_entropy(student_rest, teacher_rest).mean()
    return temperature**2 * (alpha * tckd + beta * nckd)


def _split(logits: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Logits of the right class against all others together (N, 2), and of the others (N, K - 1)."""
    others = other_classes(logits, labels)
    gap = logits.gather(1, labels[:, None]) - others.logsumexp(1, keepdim=True)
    return torch.cat([gap, torch.zeros_like(gap)], dim=1), others


@from_paper(
    'Zhao et al., CVPR 2022, arXiv:2203.08679',
    weight="1, rising over the first 20 epochs of the authors' code",
    our_weight='1, with weight_schedule=[(0, 0), (20 / epochs, 1)]',
)
@register_loss(needs=('labels', 'logits'), checked_against=('dkd', 'lskd_dkd', 'sdd_dkd'), min_classes=3)
class DKD(nn.Module):
    """Separate KL divergences for the target class and for the other classes, see :func:`dkd`.

    Args:
        alpha: weight of the right class against the others (TCKD).
        beta: weight of the others among themselves (NCKD).
        temperature: divides the logits of both.

    Raises:
        ValueError: the temperature is not above 0.
    """

    def __init__(self, *, alpha: float = 1.0, beta: float = 8.0, temperature: float = 4.0) -> None:
        super().__init__()
        self.alpha = alpha
        self.beta = beta
        self.temperature = checked_temperature(temperature)

    def forward(self, student: Tensor, teacher: Tensor, labels: Tensor) -> Tensor:
        return dkd(student, teacher, labels=labels, alpha=self.alpha, beta=self.beta, temperature=self.temperature)
