"""Distance of each time step of the student to the teacher's frames of the same time: ours."""

import torch.nn.functional as F
from torch import Tensor, nn

from kdtoolbox.losses.shared.frame_vectors import require_time, unit_vectors
from kdtoolbox.losses.shared.full_precision import in_full_precision_of_any_shape
from kdtoolbox.registry import register_loss

DISTANCES = ('cosine', 'l2')


@in_full_precision_of_any_shape
def frame_wise(student: Tensor, teacher: Tensor, *, distance: str = 'cosine') -> Tensor:
    """Mean distance of each student time step to each of its T' / T teacher frames.

    Step i is compared with the teacher's steps ``[i r, (i + 1) r)``, r = T' / T, which show the same time of the clip.
    For the L2 distance, comparing with each of them has the same gradient as with their mean; the cosine gives each
    frame the same weight, whatever the length of its vector.

    Args:
        student: (N, C, T), or maps (N, C, T, H, W), compared at each place.
        teacher: (N, C, T'), or (N, C, T', H, W).
        distance: ``'cosine'`` for ``1 - cos`` over the channels, ``'l2'`` for the mean squared difference.

    Raises:
        ValueError: the shapes differ in more than T, or T' is no multiple of T.

    >>> import torch
    >>> student, teacher = torch.tensor([[[1.], [0.]]]), torch.tensor([[[2., 0.], [0., 3.]]])
    >>> frame_wise(student, teacher)  # like its first frame, at a right angle to its second
    tensor(0.5000)
    """
    require_time(student)
    if student.shape[:2] + student.shape[3:] != teacher.shape[:2] + teacher.shape[3:] or student.dim() != teacher.dim():
        raise ValueError(
            f'student {tuple(student.shape)} and teacher {tuple(teacher.shape)} may differ in the third '
            'dimension, of time, only: MapProjection or MLPProjection makes channels equal, MatchSpace '
            'the height and width, SpacePool drops those'
        )
    if teacher.shape[2] % student.shape[2]:
        raise ValueError(
            f"the teacher's {teacher.shape[2]} time steps cannot be shared out over the student's "
            f'{student.shape[2]}: bring one side to the time steps of the other (TemporalAlign)'
        )
    targets = teacher.unflatten(2, (student.shape[2], -1))
    slices = student.unsqueeze(3)
    if distance == 'l2':
        return F.mse_loss(slices.expand_as(targets), targets)
    return 1 - (unit_vectors(slices, dim=1) * unit_vectors(targets, dim=1)).sum(1).mean()


@register_loss(needs=('frames',), checked_against=('a loop over slices and frames with torch.cosine_similarity',))
class FrameWise(nn.Module):
    """Match the teacher's frame features at each time step, see :func:`frame_wise`.

    Args:
        distance: ``'cosine'`` or ``'l2'``.

    Raises:
        ValueError: the distance is another.
    """

    def __init__(self, *, distance: str = 'cosine') -> None:
        super().__init__()
        if distance not in DISTANCES:
            raise ValueError(f'distance={distance!r}: expected one of {", ".join(map(repr, DISTANCES))}')
        self.distance = distance

    def forward(self, student: Tensor, teacher: Tensor) -> Tensor:
        return frame_wise(student, teacher, distance=self.distance)
