"""SEED: self-supervised distillation for visual representation, Fang et al., ICLR 2021, arXiv:2101.04731."""

import torch
from torch import Tensor, nn

from kdtoolbox.losses.shared.feature_queue import FeatureQueue
from kdtoolbox.losses.shared.frame_vectors import unit_vectors
from kdtoolbox.losses.shared.full_precision import in_full_precision
from kdtoolbox.losses.shared.gathering import gather_batch
from kdtoolbox.losses.shared.learned_maps import clip_vectors
from kdtoolbox.losses.shared.option_checks import checked_positive, checked_temperature
from kdtoolbox.method_card import from_paper
from kdtoolbox.registry import register_loss


@in_full_precision
def seed(
    student: Tensor, teacher: Tensor, *, queue: Tensor, temperature: float = 0.2, teacher_temperature: float = 0.01
) -> Tensor:
    """Cross-entropy of the similarities to a queue of teacher vectors and the clip's own; mean over the clips.

    With z the vectors of length 1 and D the queue, the student's softmax of ``z_s . [z_t, D] / temperature`` is
    compared with the teacher's of ``z_t . [z_t, D] / teacher_temperature``.

    Args:
        student: (N, C), in the teacher's space.
        teacher: (N, C).
        queue: (Q, C), vectors of length 1 of other clips.

    >>> queue = torch.tensor([[0., 1.]])
    >>> seed(torch.tensor([[1., 0.]]), torch.tensor([[2., 0.]]), queue=queue, temperature=1.0)  # log(1 + 1 / e)
    tensor(0.3133)
    """
    student, teacher, queue = unit_vectors(student, dim=1), unit_vectors(teacher, dim=1), queue.to(student.dtype)
    logits, goal = (
        torch.cat([(side * teacher).sum(1, keepdim=True), side @ queue.T], dim=1) for side in (student, teacher)
    )
    goal = (goal / teacher_temperature).softmax(1)
    return -(goal * (logits / temperature).log_softmax(1)).sum(1).mean()


@from_paper('Fang et al., ICLR 2021, arXiv:2101.04731', weight='1, mean over the batch')
@register_loss(needs=('vectors', 'memory bank'), checked_against=('a loop over clips and rows in numpy',))
class SEED(nn.Module):
    """Match the teacher's similarities to a queue of its own vectors of earlier clips, see :func:`seed`.

    It needs no labels and no large batch. The student is brought to the teacher's channels by its connector
    (``MLPProjection`` as in the paper). The queue holds the clips of all processes and is random at first, as in the
    authors' code. Maps are averaged over time and space; of tokens take ClassToken.

    Args:
        teacher_channels: C of both.
        queue_size: number of remembered vectors.
        temperature: of the student's softmax.
        teacher_temperature: of the teacher's.

    Raises:
        ValueError: a number is below 1, or a temperature not above 0.
    """

    def __init__(
        self,
        teacher_channels: int,
        *,
        queue_size: int = 65536,
        temperature: float = 0.2,
        teacher_temperature: float = 0.01,
    ) -> None:
        super().__init__()
        self.channels = checked_positive(teacher_channels, 'teacher_channels')
        self.temperature = checked_temperature(temperature)
        self.teacher_temperature = checked_temperature(teacher_temperature)
        self.queue = FeatureQueue(checked_positive(queue_size, 'queue_size'), teacher_channels)

    def forward(self, student: Tensor, teacher: Tensor) -> Tensor:
        """The loss of (N, C, ...) and (N, C, ...).

        Raises:
            ValueError: they differ in N, or channels are not those it was built for.
        """
        if student.shape[1] != self.channels:
            raise ValueError(
                f'the student gave {tuple(student.shape)}, but its vectors are compared with those of the teacher: '
                f'bring it to {self.channels} channels (LinearProjection or MLPProjection)'
            )
        student, teacher = (
            clip_vectors(features, channels=self.channels, side=side)
            for features, side in ((student, 'student'), (teacher, 'teacher'))
        )
        value = seed(
            student,
            teacher,
            queue=self.queue.rows,
            temperature=self.temperature,
            teacher_temperature=self.teacher_temperature,
        )
        self.queue.add(gather_batch(unit_vectors(teacher.detach().float(), dim=1)))
        return value
