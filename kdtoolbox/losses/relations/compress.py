"""CompRess: learning by compressing representations, Koohpayegani et al., NeurIPS 2020, arXiv:2010.14713."""

from torch import Tensor

from kdtoolbox.losses.logits.kl_divergence import kl_divergence
from kdtoolbox.losses.shared.channel_pair import ChannelPairLoss
from kdtoolbox.losses.shared.feature_queue import FeatureQueue
from kdtoolbox.losses.shared.frame_vectors import unit_vectors
from kdtoolbox.losses.shared.full_precision import in_full_precision_of_any_shape
from kdtoolbox.losses.shared.gathering import gather_batch
from kdtoolbox.losses.shared.option_checks import checked_positive, checked_temperature
from kdtoolbox.method_card import from_paper
from kdtoolbox.registry import register_loss


@in_full_precision_of_any_shape
def compress(
    student: Tensor, teacher: Tensor, *, student_queue: Tensor, teacher_queue: Tensor, temperature: float = 0.04
) -> Tensor:
    """KL divergence of the similarities of a clip to the same other clips in the two networks; mean over the batch.

    Cosine similarities over ``temperature`` become probabilities by a softmax over the queue.

    Args:
        student: (N, C).
        teacher: (N, C').
        student_queue: (Q, C), the student's vectors of earlier clips, of length 1.
        teacher_queue: (Q, C'), the teacher's of the same clips.

    >>> import torch
    >>> queue = torch.eye(2)
    >>> compress(torch.ones(1, 2), torch.eye(2)[:1], student_queue=queue, teacher_queue=queue)  # undecided, and certain
    tensor(0.6931)
    """
    logits, goal = (
        unit_vectors(side, dim=1) @ queue.to(side.dtype).T / temperature
        for side, queue in ((student, student_queue), (teacher, teacher_queue))
    )
    return kl_divergence(logits, goal)


@from_paper(
    'Koohpayegani, Tejankar & Pirsiavash, NeurIPS 2020, arXiv:2010.14713',
    weight='1, sum over the queue, mean over the batch',
)
@register_loss(
    needs=('vectors', 'memory bank'), checked_against=('torch.nn.functional.kl_div of torch cosine similarities',)
)
class CompRess(ChannelPairLoss):
    """Match the teacher's similarities to earlier clips, each network in its own space, see :func:`compress`.

    It needs no labels, no large batch and no equal channels: each network has a queue of its own vectors of the same
    clips, of all processes; both are random at first, as in the authors' code. The paper's student is remembered by its
    moving average (with momentum); here, as in the authors' loss without momentum, by itself. Maps are averaged over
    time and space; of tokens take ClassToken.

    Args:
        student_channels: C of the student.
        teacher_channels: C' of the teacher.
        queue_size: number of remembered clips.
        temperature: of both softmaxes.

    Raises:
        ValueError: an option is out of range.
    """

    def __init__(
        self, student_channels: int, teacher_channels: int, *, queue_size: int = 128000, temperature: float = 0.04
    ) -> None:
        super().__init__(student_channels, teacher_channels)
        self.temperature = checked_temperature(temperature)
        self.student_queue, self.teacher_queue = (
            FeatureQueue(checked_positive(queue_size, 'queue_size'), channels)
            for channels in (student_channels, teacher_channels)
        )

    def forward(self, student: Tensor, teacher: Tensor) -> Tensor:
        """The loss of (N, C, ...) and (N, C', ...).

        Raises:
            ValueError: they differ in N, or channels are not those it was built for.
        """
        student, teacher = self.clip_vectors(student, teacher)
        value = compress(
            student,
            teacher,
            student_queue=self.student_queue.rows,
            teacher_queue=self.teacher_queue.rows,
            temperature=self.temperature,
        )
        for queue, vectors in ((self.student_queue, student), (self.teacher_queue, teacher)):
            queue.add(gather_batch(unit_vectors(vectors.detach().float(), dim=1)))
        return value
