"""Similarities between the time steps of a clip: ours, as SP (Tung & Mori, arXiv:1907.09682) between samples."""

from torch import Tensor, nn

from kdtoolbox.losses.shared.frame_vectors import frame_vectors, require_equal_steps, unit_vectors
from kdtoolbox.losses.shared.full_precision import in_full_precision_of_any_shape
from kdtoolbox.method_card import from_paper
from kdtoolbox.registry import register_loss


def affinity(features: Tensor) -> Tensor:
    """The cosine similarity of every time step of a clip to every other.

    Args:
        features: (N, C, T), or maps (N, C, T, H, W), which are averaged over space first.

    Returns:
        (N, T, T).

    >>> import torch
    >>> affinity(torch.tensor([[[1., 0.], [0., 2.]]]))  # two frames that share no channel
    tensor([[[1., 0.],
             [0., 1.]]])
    """
    directions = unit_vectors(frame_vectors(features), dim=1)
    return directions.transpose(1, 2) @ directions


@in_full_precision_of_any_shape
def temporal_affinity(student: Tensor, teacher: Tensor) -> Tensor:
    """Mean squared difference of the two T x T matrices of cosine similarity, see :func:`affinity`.

    The matrices do not depend on the channels, so the two may differ in channels and in space. A teacher on single
    frames teaches here which time steps look similar, and where the clip changes.

    Args:
        student: (N, C, T) or (N, C, T, H, W).
        teacher: (N, C', T) or (N, C', T, H', W').

    Raises:
        ValueError: there is no time, only one step of it, or N or T differs.
    """
    similarity, target = affinity(student), affinity(teacher)
    require_equal_steps(student, teacher)
    if student.shape[2] < 2:
        raise ValueError(
            f'got {tuple(student.shape)}: one time step, expected 2 or more to compare with one another; '
            'tap a module that has them'
        )
    return (similarity - target).square().mean()


@from_paper('ours; SP, Tung & Mori, ICCV 2019, arXiv:1907.09682, is the like between samples')
@register_loss(
    needs=('frames',), min_steps=2, checked_against=('a loop over pairs of frames with torch.cosine_similarity',)
)
class TemporalAffinity(nn.Module):
    """Match the teacher's similarities between the frames of the clip, see :func:`temporal_affinity`."""

    def forward(self, student: Tensor, teacher: Tensor) -> Tensor:
        return temporal_affinity(student, teacher)
