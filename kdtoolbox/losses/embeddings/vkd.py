"""VkD: knowledge distillation with orthogonal projections, Miles, Elezi & Deng, CVPR 2024, arXiv:2403.06213."""

import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import orthogonal

from kdtoolbox.losses.shared.channel_pair import ChannelPairLoss
from kdtoolbox.losses.shared.full_precision import in_full_precision, method_in_full_precision
from kdtoolbox.method_card import from_paper
from kdtoolbox.registry import register_loss


@in_full_precision
def vkd(student: Tensor, teacher: Tensor) -> Tensor:
    """Smooth L1 distance to the teacher's feature vector after its layer norm; mean over all elements.

    The layer norm has no weight and no bias; it is the paper's normalisation for discriminative tasks.

    Args:
        student: projected feature vectors (N, C).
        teacher: of the student's shape.

    >>> import torch
    >>> vkd(torch.zeros(1, 2), torch.tensor([[1., 9.]]))  # which become -1 and 1
    tensor(0.5000)
    """
    return F.smooth_l1_loss(student, F.layer_norm(teacher, teacher.shape[1:]))


@from_paper('Miles, Elezi & Deng, CVPR 2024, arXiv:2403.06213', weight='alpha, mean over all elements')
@register_loss(needs=('vectors', 'learned parts'), checked_against=('vkd',))
class VkD(ChannelPairLoss):
    """Match normalised features through an orthogonal projection, see :func:`vkd`.

    The projection keeps lengths and angles, so that the student must learn what a free projection would. Maps are
    averaged over time and space first.

    Args:
        student_channels: C of the student's map or vector.
        teacher_channels: C of the teacher's; it may differ in time and space.

    Raises:
        ValueError: a number of channels is below 1.
    """

    def __init__(self, student_channels: int, teacher_channels: int) -> None:
        super().__init__(student_channels, teacher_channels)
        # Not torch's Householder map: its signs are stored as floats that weight decay shrinks, and then cut to 0. Nor
        # its matrix exponential: from 512 to 1280 channels a step of it takes seconds on a CPU, 16 times as long.
        self.projection = orthogonal(nn.Linear(student_channels, teacher_channels, bias=False), orthogonal_map='cayley')

    @method_in_full_precision
    def forward(self, student: Tensor, teacher: Tensor) -> Tensor:
        student, teacher = self.clip_maps(student, teacher)
        return vkd(self.projection(student.mean((2, 3, 4))), teacher.mean((2, 3, 4)))
