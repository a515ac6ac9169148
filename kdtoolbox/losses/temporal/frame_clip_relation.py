"""Relations of clips to the frames of all clips: ours, after relational distillation, Park et al., CVPR 2019."""

from torch import Tensor

from kdtoolbox.losses.logits.kl_divergence import kl_divergence
from kdtoolbox.losses.shared.frame_vectors import frame_vectors, require_equal_steps, unit_vectors
from kdtoolbox.losses.shared.full_precision import in_full_precision_of_any_shape
from kdtoolbox.losses.shared.gathering import LossOfAllClips, gather_batch
from kdtoolbox.losses.shared.option_checks import checked_temperature
from kdtoolbox.method_card import from_paper
from kdtoolbox.registry import register_loss


@in_full_precision_of_any_shape
def frame_clip_relation(student: Tensor, teacher: Tensor, *, temperature: float = 0.1) -> Tensor:
    """KL divergence of the similarities of each clip to the frames of all clips; mean over the clips.

    A clip is the mean of its frames' vectors of length 1. Its cosines with all N T frames, over the temperature, become
    probabilities by a softmax. So the student learns which moments of which clips look like a clip; its channels need
    not be the teacher's.

    Args:
        student: (N, C, T), one vector a time step.
        teacher: (N, C', T).

    >>> import torch
    >>> one, other = torch.eye(2)[:, :, None], torch.ones(2, 1, 1)
    >>> frame_clip_relation(other, one, temperature=1e-3)  # all alike, against each like itself: log 2
    tensor(0.6931)
    """
    logits, goal = (_similarities(side) / temperature for side in (student, teacher))
    return kl_divergence(logits, goal)


def _similarities(features: Tensor) -> Tensor:
    """(N, C, T) -> (N, N T)."""
    frames = unit_vectors(features, dim=1)
    clips = unit_vectors(frames.mean(2), dim=1)
    return clips @ frames.transpose(1, 2).flatten(0, 1).T


@from_paper('ours, after RKD: Park et al., CVPR 2019, arXiv:1904.05068')
@register_loss(
    needs=('frames', 'batch'),
    checked_against=('a loop over clips and frames with torch.cosine_similarity',),
    min_batch_size=2,
    min_steps=2,
)
class FrameClipRelation(LossOfAllClips):
    """Match how much each clip is like the frames of all clips, see :func:`frame_clip_relation`.

    The batch is that of all processes together.

    Args:
        temperature: of both softmaxes.

    Raises:
        ValueError: the temperature is not above 0.
    """

    def __init__(self, *, temperature: float = 0.1) -> None:
        super().__init__()
        self.temperature = checked_temperature(temperature)

    def forward(self, student: Tensor, teacher: Tensor) -> Tensor:
        """The loss of (N, C, T, ...) and (N, C', T, ...); space is averaged.

        Raises:
            ValueError: they differ in N or T, or there is one clip or one time step only.
        """
        student, teacher = frame_vectors(student), frame_vectors(teacher.detach())
        require_equal_steps(student, teacher)
        if student.shape[2] < self.card.min_steps:
            raise ValueError(
                f'got {tuple(student.shape)}: one time step, expected {self.card.min_steps} or more, which it '
                'compares; tap a module that has them'
            )
        student, teacher = gather_batch(student), gather_batch(teacher)
        self.require_clips(len(student))
        return frame_clip_relation(student, teacher, temperature=self.temperature)
