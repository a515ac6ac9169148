"""Distillation from a stronger teacher, Huang et al., NeurIPS 2022, arXiv:2205.10536."""

import torch
from torch import Tensor, nn

from kdtoolbox.losses.shared.full_precision import in_full_precision
from kdtoolbox.losses.shared.gathering import gather_batch, require_clips
from kdtoolbox.losses.shared.input_checks import require_logits
from kdtoolbox.losses.shared.option_checks import checked_temperature
from kdtoolbox.method_card import from_paper
from kdtoolbox.registry import register_loss

LEAST_DEVIATION = 0.01  # smallest deviation of a row of probabilities, relative to its length
LEAST = 3  # classes and samples: two points always correlate by 1 or -1


@in_full_precision
def dist(
    student: Tensor, teacher: Tensor, *, beta: float = 1.0, gamma: float = 1.0, temperature: float = 1.0
) -> Tensor:
    """``temperature^2 * (beta * inter + gamma * intra)``: student and teacher correlate over classes and over samples.

    Each part is 1 - the mean Pearson correlation of softened probabilities: ``inter`` over the classes of each sample,
    ``intra`` over the samples of each class, in the batch of all processes.

    A correlation does not depend on the size of the deviations from the mean, so its gradient is unbounded for nearly
    equal probabilities, such as those of a classifier with zero weights. Deviations below a hundredth of the
    probabilities are therefore treated as a hundredth: the loss is then less than 1 - correlation, and the gradient is
    bounded.

    Args:
        student: logits (N, K), or (N, T', K): then every frame is a sample.
        teacher: of the student's shape.

    Raises:
        ValueError: the shapes differ or are not those of logits, or there are fewer than three classes or samples.

    >>> import torch
    >>> probabilities = torch.tensor([[.5, .3, .2], [.2, .5, .3], [.3, .2, .5]])
    >>> dist((2 / 3 - probabilities).log(), probabilities.log())  # both correlations are -1
    tensor(4.0000)
    """
    require_logits(student, min_classes=LEAST)
    student, teacher = ((logits / temperature).softmax(-1).flatten(0, -2) for logits in (student, teacher))
    inter = 1 - _pearson(student, teacher).mean()
    student, teacher = gather_batch(student), gather_batch(teacher)
    require_clips(len(student), min_clips=LEAST)
    intra = 1 - _pearson(student.T, teacher.T).mean()
    return temperature**2 * (beta * inter + gamma * intra)


def _pearson(student: Tensor, teacher: Tensor) -> Tensor:
    """Correlation of each pair of rows; 0 for a constant row."""
    (student, student_length), (teacher, teacher_length) = _deviations(student), _deviations(teacher)
    return (student * teacher).sum(1) / (student_length * teacher_length + 1e-8)


def _deviations(rows: Tensor) -> tuple[Tensor, Tensor]:
    """Rows minus their means, and the lengths of the results, clamped from below."""
    centred = rows - rows.mean(1, keepdim=True)
    return centred, torch.maximum(centred.norm(dim=1), LEAST_DEVIATION * rows.detach().norm(dim=1))


@from_paper('Huang et al., NeurIPS 2022, arXiv:2205.10536')
@register_loss(needs=('logits', 'batch'), checked_against=('dist', 'dist_seg'), min_batch_size=LEAST, min_classes=LEAST)
class DIST(nn.Module):
    """Pearson correlation with the teacher's probabilities over classes and over samples, see :func:`dist`.

    Args:
        beta: weight of the correlation over the classes of a sample.
        gamma: weight of the correlation over the samples of a class.
        temperature: divides the logits of both.

    Raises:
        ValueError: the temperature is not above 0.
    """

    def __init__(self, *, beta: float = 1.0, gamma: float = 1.0, temperature: float = 1.0) -> None:
        super().__init__()
        self.beta = beta
        self.gamma = gamma
        self.temperature = checked_temperature(temperature)

    def forward(self, student: Tensor, teacher: Tensor) -> Tensor:
        return dist(student, teacher, beta=self.beta, gamma=self.gamma, temperature=self.temperature)
