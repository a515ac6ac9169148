"""The module of losses with learned parts between a number of channels of the student and one of the teacher."""

from torch import Tensor, nn

from kdtoolbox.losses.shared.learned_maps import as_clip_map, clip_vectors
from kdtoolbox.losses.shared.option_checks import checked_positive


class ChannelPairLoss(nn.Module):
    """A loss that is built for the channels of one tap of the student and of one of the teacher.

    Args:
        student_channels: C of the student's features.
        teacher_channels: C' of the teacher's.

    Raises:
        ValueError: one of them is not a whole number of 1 or more.
    """

    def __init__(self, student_channels: int, teacher_channels: int) -> None:
        super().__init__()
        self.student_channels = checked_positive(student_channels, 'student_channels')
        self.teacher_channels = checked_positive(teacher_channels, 'teacher_channels')

    def clip_maps(self, student: Tensor, teacher: Tensor) -> tuple[Tensor, Tensor]:
        """Both as (N, C, T, H, W) and (N, C', T, H, W), see :func:`as_clip_map`.

        Raises:
            ValueError: one of them has other channels, or a shape that is no vector and no map.
        """
        return (
            as_clip_map(student, channels=self.student_channels, side='student'),
            as_clip_map(teacher, channels=self.teacher_channels, side='teacher'),
        )

    def clip_vectors(self, student: Tensor, teacher: Tensor) -> tuple[Tensor, Tensor]:
        """Both averaged over time and space, (N, C) and (N, C').

        Raises:
            ValueError: as :meth:`clip_maps`.
        """
        return (
            clip_vectors(student, channels=self.student_channels, side='student'),
            clip_vectors(teacher, channels=self.teacher_channels, side='teacher'),
        )
