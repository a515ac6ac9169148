"""Distillation from a stronger teacher, Huang et al., NeurIPS 2022, arXiv:2205.10536."""

from torch import Tensor, nn

from kdtoolbox.card import MethodCard
from kdtoolbox.losses.gathering import gather_batch
from kdtoolbox.losses.pair import checked_temperature, in_full_precision, require_logits
from kdtoolbox.registry import MODELS


@in_full_precision
def dist(student: Tensor, teacher: Tensor, *, beta: float = 1.0, gamma: float = 1.0,
         temperature: float = 1.0) -> Tensor:
    """``temperature^2 * (beta * inter + gamma * intra)``: student and teacher correlate over classes and over samples.

    Each is 1 - the mean Pearson correlation of softened probabilities: inter correlates the
    classes of each sample, intra the samples of each class, over the batches of all processes. With a single sample in
    all of them intra is constant and teaches nothing.

    Args:
        student: logits (N, K), or (N, T', K): then every frame is a sample.
        teacher: of the student's shape.

    Raises:
        ValueError: the shapes differ or are not those of logits.

    >>> import torch
    >>> logits = torch.tensor([[2., 0.], [0., 1.]])
    >>> dist(-logits, logits)  # both correlations are -1
    tensor(4.)
    """
    require_logits(student)
    student, teacher = ((logits / temperature).softmax(-1).flatten(0, -2) for logits in (student, teacher))
    inter = 1 - _pearson(student, teacher).mean()
    intra = 1 - _pearson(gather_batch(student).T, gather_batch(teacher).T).mean()
    return temperature ** 2 * (beta * inter + gamma * intra)


def _pearson(student: Tensor, teacher: Tensor) -> Tensor:
    """Correlation of each pair of rows; 0 where a row is constant."""
    student, teacher = (rows - rows.mean(1, keepdim=True) for rows in (student, teacher))
    return (student * teacher).sum(1) / (student.norm(dim=1) * teacher.norm(dim=1) + 1e-8)


@MODELS.register_module()
class DIST(nn.Module):
    """Correlate with the teacher's probabilities over classes and over samples, see :func:`dist`.

    Args:
        beta: weight of the correlation over the classes of a sample.
        gamma: weight of the correlation over the samples of a class.
        temperature: divides the logits of both.

    Raises:
        ValueError: the temperature is not above 0.
    """

    card = MethodCard(paper='Huang et al., NeurIPS 2022, arXiv:2205.10536', needs=('logits', 'batch'),
                      checked_against=('dist', 'dist_seg'), min_batch_size=2)

    def __init__(self, *, beta: float = 1.0, gamma: float = 1.0, temperature: float = 1.0) -> None:
        super().__init__()
        self.beta = beta
        self.gamma = gamma
        self.temperature = checked_temperature(temperature)

    def forward(self, student: Tensor, teacher: Tensor) -> Tensor:
        return dist(student, teacher, beta=self.beta, gamma=self.gamma, temperature=self.temperature)
