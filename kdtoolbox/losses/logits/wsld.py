"""Weighted soft labels, Zhou et al., ICLR 2021, arXiv:2102.00650."""

import torch.nn.functional as F
from torch import Tensor, nn

from kdtoolbox.losses.shared.full_precision import in_full_precision
from kdtoolbox.losses.shared.hard_labels import over_labelled
from kdtoolbox.losses.shared.option_checks import checked_temperature
from kdtoolbox.method_card import from_paper
from kdtoolbox.registry import register_loss


@in_full_precision
@over_labelled
def wsld(student: Tensor, teacher: Tensor, *, labels: Tensor, temperature: float = 2.0) -> Tensor:
    """Cross-entropy to the teacher's soft labels, each sample weighted by ``1 - exp(-CE_student / CE_teacher)``.

    CE are the cross-entropies to the label at temperature 1, without gradient: samples on which the student is better
    than the teacher get a lower weight. The soft cross-entropy has the factor temperature^2; the mean is over the
    batch.

    Args:
        student: logits (N, K), or (N, T', K): then each frame counts with its clip's label.
        teacher: of the student's shape.
        labels: (N,), -1 for a sample without one: it counts 0 in the mean; with none at all the loss is 0.

    Raises:
        ValueError: the shapes differ or are not those of logits, or a label is not a class.

    >>> import torch
    >>> wsld(torch.zeros(1, 2), torch.zeros(1, 2), labels=torch.tensor([1]), temperature=2.0)  # 4 (1 - 1/e) log 2
    tensor(1.7526)
    """
    student_error = F.cross_entropy(student.detach(), labels, reduction='none')
    teacher_error = F.cross_entropy(teacher, labels, reduction='none')
    # The cross-entropy of a certain teacher is 0; the small constant is that of the authors' code.
    weight = 1 - (-student_error / (teacher_error + 1e-7)).exp()
    soft = F.cross_entropy(student / temperature, (teacher / temperature).softmax(1), reduction='none')
    return temperature**2 * (weight * soft).mean()


@from_paper('Zhou et al., ICLR 2021, arXiv:2102.00650', weight='2.5')
@register_loss(needs=('labels', 'logits'), min_classes=2, checked_against=('wsld', 'wsld_official'))
class WSLD(nn.Module):
    """Soft cross-entropy with larger weights where the student is worse than the teacher, see :func:`wsld`.

    Args:
        temperature: divides the logits of both in the soft labels.

    Raises:
        ValueError: the temperature is not above 0.
    """

    def __init__(self, *, temperature: float = 2.0) -> None:
        super().__init__()
        self.temperature = checked_temperature(temperature)

    def forward(self, student: Tensor, teacher: Tensor, labels: Tensor) -> Tensor:
        return wsld(student, teacher, labels=labels, temperature=self.temperature)
