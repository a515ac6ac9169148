"""Normalized knowledge distillation, Yang et al., ICCV 2023, arXiv:2303.13005."""

import torch.nn.functional as F
from torch import Tensor, nn

from kdtoolbox.losses.shared.full_precision import in_full_precision
from kdtoolbox.losses.shared.hard_labels import other_classes, over_labelled
from kdtoolbox.losses.shared.option_checks import checked_temperature
from kdtoolbox.method_card import from_paper
from kdtoolbox.registry import register_loss


@in_full_precision
@over_labelled
def nkd(student: Tensor, teacher: Tensor, *, labels: Tensor, gamma: float = 1.5, temperature: float = 1.0) -> Tensor:
    """``-p_t(label) log p_s(label) - gamma * temperature^2 * sum of q_t log q_s``, the mean over the batch.

    p is the softmax over all classes at temperature 1; q the softmax over the classes beside the label, over which the
    sum runs, softened by the temperature. Both parts are cross-entropies: at equality the gradient of the second
    vanishes, its value does not. The cross-entropy to the label, which the paper adds, is the student's own loss.

    Shapes, labels and errors are those of :func:`dkd`.

    >>> import torch
    >>> nkd(torch.zeros(1, 3), torch.zeros(1, 3), labels=torch.tensor([0]), gamma=2.0)  # log(3) / 3 + 2 log(2)
    tensor(1.7525)
    """
    label = labels[:, None]
    target = teacher.softmax(1).gather(1, label) * student.log_softmax(1).gather(1, label)
    others = F.cross_entropy(
        other_classes(student, labels) / temperature, (other_classes(teacher, labels) / temperature).softmax(1)
    )
    return gamma * temperature**2 * others - target.mean()


@from_paper('Yang et al., ICCV 2023, arXiv:2303.13005')
@register_loss(needs=('labels', 'logits'), checked_against=('nkd',), min_classes=3)
class NKD(nn.Module):
    """Cross-entropies to the teacher for the target class and for the normalized other classes, see :func:`nkd`.

    Args:
        gamma: weight of the other classes.
        temperature: divides the logits of both among the other classes.

    Raises:
        ValueError: the temperature is not above 0.
    """

    def __init__(self, *, gamma: float = 1.5, temperature: float = 1.0) -> None:
        super().__init__()
        self.gamma = gamma
        self.temperature = checked_temperature(temperature)

    def forward(self, student: Tensor, teacher: Tensor, labels: Tensor) -> Tensor:
        return nkd(student, teacher, labels=labels, gamma=self.gamma, temperature=self.temperature)
