"""Differences of features from one time step to the next: ours."""

import torch.nn.functional as F
from torch import Tensor, nn

from kdtoolbox.losses.shared.frame_vectors import require_time
from kdtoolbox.losses.shared.full_precision import in_full_precision
from kdtoolbox.registry import register_loss


@in_full_precision
def temporal_difference(student: Tensor, teacher: Tensor) -> Tensor:
    """Mean squared difference of the changes ``x[t + 1] - x[t]`` of student and teacher.

    What is constant in a clip (most of a scene) cancels out: the student may have another offset. The mean runs over
    the N C (T - 1) ... elements.

    Args:
        student: (N, C, T), or maps (N, C, T, H, W).
        teacher: of the student's shape.

    Raises:
        ValueError: the shapes differ, there is no time, or only one step of it.

    >>> import torch
    >>> temporal_difference(torch.tensor([[[5., 6., 7.]]]), torch.tensor([[[0., 1., 4.]]]))  # changes 1, 1 and 1, 3
    tensor(2.)
    """
    require_time(student)
    if student.shape[2] < 2:
        raise ValueError(
            f'got {tuple(student.shape)}: one time step, expected 2 or more, between which features '
            'change; tap a module that has them'
        )
    return F.mse_loss(student.diff(dim=2), teacher.diff(dim=2))


@register_loss(needs=('frames',), min_steps=2, checked_against=('hand-computed changes',))
class TemporalDifference(nn.Module):
    """Match the changes of the teacher's features from frame to frame, see :func:`temporal_difference`."""

    def forward(self, student: Tensor, teacher: Tensor) -> Tensor:
        return temporal_difference(student, teacher)
