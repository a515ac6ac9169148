"""Hierarchical probabilistic transfer, Passalis, Tzelepi & Tefas, CVPR 2020, arXiv:2005.00727."""

import math

from torch import Tensor
from torch.linalg import vector_norm

from kdtoolbox.losses.shared.frame_vectors import unit_vectors
from kdtoolbox.losses.shared.full_precision import in_full_precision_of_any_shape
from kdtoolbox.losses.shared.gathering import LossOfAllClips
from kdtoolbox.losses.shared.learned_maps import TapOutputs
from kdtoolbox.losses.shared.option_checks import checked_positive
from kdtoolbox.losses.shared.pair_distances import pair_distances
from kdtoolbox.method_card import from_paper
from kdtoolbox.registry import register_loss

EPSILON = 1e-6
SMALLEST = 1e-6  # of the cosine kernel: below it are rounding errors of opposite vectors


def cosine_kernel(features: Tensor) -> Tensor:
    """``(1 + cosine) / 2`` of all pairs: (N, D) -> (N, N)."""
    length = vector_norm(features, dim=1, keepdim=True)
    directions = unit_vectors(features, dim=1) * (length / (length + EPSILON))
    return ((directions @ directions.T + 1) / 2).clamp(min=SMALLEST)


def student_t_kernel(features: Tensor) -> Tensor:
    """``1 / (1 + distance)`` of all pairs: (N, D) -> (N, N)."""
    return 1 / (1 + (pair_distances(features).square() + EPSILON).sqrt())


@in_full_precision_of_any_shape
def neighbour_divergence(student: Tensor, teacher: Tensor) -> Tensor:
    """Jeffreys divergence of the probabilities of neighbours, by a cosine and by a Student's t kernel, summed.

    The rows of a kernel are divided by their sums. ``(t - s) (log t - log s)`` is averaged over the N^2 entries.

    Args:
        student: (N, D), one vector a clip.
        teacher: (N, D').

    >>> import torch
    >>> neighbour_divergence(torch.eye(3), torch.eye(3))
    tensor(0.)
    """
    loss = student.new_zeros(())
    for kernel in (cosine_kernel, student_t_kernel):
        log_student, log_teacher = (
            matrix.log() - matrix.sum(1, keepdim=True).log() for matrix in (kernel(student), kernel(teacher))
        )
        loss = loss + ((log_teacher.exp() - log_student.exp()) * (log_teacher - log_student)).mean()
    return loss


@from_paper(
    'PKT-H: Passalis, Tzelepi & Tefas, CVPR 2020, arXiv:2005.00727',
    weight='1 for the last layer, 100 times 0.7^epoch for the others, mean over the pairs of clips',
)
@register_loss(needs=('vectors', 'several taps', 'batch'), checked_against=('hkd',), min_batch_size=2)
class HierarchicalPKT(LossOfAllClips):
    """Match the neighbours of the clips in several layers, at first the early ones: :func:`neighbour_divergence`.

    The last tap counts 1. The taps before it count ``intermediate_weight * decay^epoch``, since the early layers are
    formed in the first epochs. A public port, whose numbers the tests compare with, weights the first tap only and
    never lets it decay. The batch is that of all processes together. The paper's teacher is first distilled into one
    with the student's layers; a term names layers that correspond instead.

    Args:
        num_epochs: of the training, to know the epoch.
        intermediate_weight: of the taps before the last, in the first epoch.
        decay: factor of it for each epoch.

    Raises:
        ValueError: an option is out of range.
    """

    def __init__(self, num_epochs: int, *, intermediate_weight: float = 100.0, decay: float = 0.7) -> None:
        super().__init__()
        self.num_epochs = checked_positive(num_epochs, 'num_epochs')
        if not 0 <= intermediate_weight < math.inf or not 0 < decay <= 1:
            raise ValueError(
                f'intermediate_weight={intermediate_weight}, decay={decay}: expected a finite weight of 0 or more and '
                'a decay above 0, at most 1'
            )
        self.intermediate_weight, self.decay = intermediate_weight, decay

    def forward(self, student: TapOutputs, teacher: TapOutputs, progress: float) -> Tensor:
        """The loss of one or more taps (N, C, ...), the deepest last.

        Raises:
            ValueError: the two sides differ in the number of taps or in N, or there is one clip only.
        """
        students, teachers = ((side,) if isinstance(side, Tensor) else side for side in (student, teacher))
        if len(students) != len(teachers):
            raise ValueError(f'{len(students)} taps of the student and {len(teachers)} of the teacher: name as many')
        losses = [neighbour_divergence(*self.gathered(*pair)) for pair in zip(students, teachers)]
        epoch = math.floor(progress * self.num_epochs)
        return losses[-1] + self.intermediate_weight * self.decay**epoch * sum(losses[:-1])
