"""Teacher-free distillation with a virtual teacher (Tf-KD_reg), Yuan et al., CVPR 2020, arXiv:1909.11723."""

import torch.nn.functional as F
from torch import Tensor, nn

from kdtoolbox.losses.logits.kl_divergence import kl_divergence
from kdtoolbox.losses.shared.full_precision import in_full_precision
from kdtoolbox.losses.shared.hard_labels import over_labelled
from kdtoolbox.losses.shared.option_checks import checked_temperature
from kdtoolbox.method_card import from_paper
from kdtoolbox.registry import register_loss


def virtual_teacher(labels: Tensor, *, num_classes: int, correct_probability: float) -> Tensor:
    """Log-probabilities (N, K) of a virtual teacher that gives the label ``correct_probability``.

    >>> import torch
    >>> virtual_teacher(torch.tensor([1]), num_classes=3, correct_probability=0.9).exp()
    tensor([[0.0500, 0.9000, 0.0500]])
    """
    right = F.one_hot(labels, num_classes).float()
    return (right * correct_probability + (1 - right) * (1 - correct_probability) / (num_classes - 1)).log()


def teacher_free(
    student: Tensor, *, labels: Tensor, correct_probability: float = 0.99, temperature: float = 20.0
) -> Tensor:
    """KL divergence, at a temperature, from a virtual teacher that gives the label ``correct_probability``.

    This is label smoothing that increases with the temperature. Like :func:`kl_divergence` it has the factor
    temperature^2. The authors' code differs from the paper: it softens the virtual probabilities as if they were
    logits, uses temperature 1 for the student, and averages over the classes too.

    Args:
        student: logits (N, K), or (N, T', K): then each frame counts with its clip's label.
        labels: (N,), -1 for a sample without one: it counts 0 in the mean; with none at all the loss is 0.

    Raises:
        ValueError: the shape is not that of logits, or a label is not a class.

    >>> import torch
    >>> sure = virtual_teacher(torch.tensor([1]), num_classes=3, correct_probability=0.9)
    >>> teacher_free(sure, labels=torch.tensor([1]), correct_probability=0.9)
    tensor(0.)
    """
    return _from_virtual(
        student, student, labels=labels, correct_probability=correct_probability, temperature=temperature
    )


@in_full_precision
@over_labelled
def _from_virtual(
    student: Tensor, _: Tensor, *, labels: Tensor, correct_probability: float, temperature: float
) -> Tensor:
    teacher = virtual_teacher(labels, num_classes=student.shape[1], correct_probability=correct_probability)
    return kl_divergence(student, teacher.to(student.dtype), temperature=temperature)


@from_paper(
    'Yuan et al., CVPR 2020, arXiv:1909.11723',
    weight='alpha, beside 1 - alpha of the cross-entropy, without temperature^2',
    our_weight='alpha / temperature^2',
)
@register_loss(needs=('labels', 'logits'), min_classes=2, checked_against=('the closed form of the paper',))
class TeacherFree(nn.Module):
    """KL divergence to a virtual teacher made from the label: a baseline without a teacher, see :func:`teacher_free`.

    Its term has ``teacher=None``.

    Args:
        correct_probability: probability of the label; the other classes share the rest equally.
        temperature: divides the logits of both.

    Raises:
        ValueError: the probability is not inside (0, 1), or the temperature not above 0.
    """

    def __init__(self, *, correct_probability: float = 0.99, temperature: float = 20.0) -> None:
        super().__init__()
        if not 0 < correct_probability < 1:
            raise ValueError(
                f'correct_probability {correct_probability}: expected above 0 and below 1; the paper takes 0.9 and more'
            )
        self.correct_probability = correct_probability
        self.temperature = checked_temperature(temperature)

    def forward(self, student: Tensor, teacher: None, labels: Tensor) -> Tensor:
        if teacher is not None:
            raise ValueError(
                'TeacherFree got outputs of a teacher and would not use them: set teacher=None in its term'
            )
        return teacher_free(
            student, labels=labels, correct_probability=self.correct_probability, temperature=self.temperature
        )
