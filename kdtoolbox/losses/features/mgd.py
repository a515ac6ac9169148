"""Masked generative distillation, Yang et al., ECCV 2022, arXiv:2205.01529."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kdtoolbox.losses.shared.channel_pair import ChannelPairLoss
from kdtoolbox.losses.shared.feature_maps import require_same_positions
from kdtoolbox.losses.shared.full_precision import in_full_precision_of_any_shape, method_in_full_precision
from kdtoolbox.losses.shared.option_checks import checked_share
from kdtoolbox.method_card import from_paper
from kdtoolbox.registry import register_loss

MASKED = ('positions', 'channels')


def keep_mask(shape: tuple[int, ...], *, masked: str, masked_ratio: float, device: torch.device) -> Tensor:
    """A random mask for the student's features, 1 to keep and 0 to hide, from torch's random numbers.

    Args:
        shape: (N, C, T, H, W) of the features.
        masked: ``'positions'`` hides all channels of a place and time, ``'channels'`` all places of a channel.
        masked_ratio: the probability of hiding.

    Returns:
        (N, 1, T, H, W) or (N, C, 1, 1, 1), boolean.
    """
    size = (shape[0], 1, *shape[2:]) if masked == 'positions' else (*shape[:2], 1, 1, 1)
    return torch.rand(size, device=device) >= masked_ratio


@in_full_precision_of_any_shape
def mgd(student: Tensor, teacher: Tensor, *, keep: Tensor, generation: nn.Module) -> Tensor:
    """Mean squared error of the teacher's features generated from the student's, of which some are hidden.

    The paper's masked generation, as a mean over all elements where the paper has a sum.

    Args:
        student: (N, C, T, H, W), with as many channels as the teacher.
        teacher: of the student's shape.
        keep: 1 or 0, of a shape that broadcasts to the student's.
        generation: the module that generates the features.

    >>> features = torch.ones(1, 2, 1, 1, 1)
    >>> mgd(features, features, keep=torch.tensor([True, False]).view(1, 2, 1, 1, 1), generation=nn.Identity())
    tensor(0.5000)
    """
    return F.mse_loss(generation(student * keep), teacher)


@from_paper(
    'Yang et al., ECCV 2022, arXiv:2205.01529',
    weight='7e-5 (classification), sum over elements, mean over the batch',
    our_weight="7e-5 times the elements C*H*W of one clip's map: 7 for 2048 channels of 7x7",
)
@register_loss(needs=('maps', 'learned parts'), checked_against=('mgd_cls', 'mgd_det'))
class MGD(ChannelPairLoss):
    """Generate the teacher's features from the student's with a random part hidden, see :func:`mgd`.

    A 1x1x1 convolution aligns the channels if they differ; two 3x3x3 convolutions with a ReLU between them generate.
    A new mask is drawn in every step, from torch's random numbers, also in eval mode.

    Args:
        student_channels: C of the student's map.
        teacher_channels: C of the teacher's, which must agree with it in time and space.
        masked: what is hidden as a whole, ``'channels'`` as the authors do for classification or ``'positions'`` as for
            detection and segmentation.
        masked_ratio: the paper's lambda, 0.15 for classification.

    Raises:
        ValueError: an argument is out of its range.
    """

    def __init__(
        self, student_channels: int, teacher_channels: int, *, masked: str = 'channels', masked_ratio: float = 0.15
    ) -> None:
        super().__init__(student_channels, teacher_channels)
        if masked not in MASKED:
            raise ValueError(f'masked={masked!r}: expected one of {MASKED}')
        self.masked = masked
        self.masked_ratio = checked_share(masked_ratio, 'masked_ratio')
        self.align = (
            nn.Identity() if student_channels == teacher_channels else nn.Conv3d(student_channels, teacher_channels, 1)
        )
        self.generation = nn.Sequential(
            nn.Conv3d(teacher_channels, teacher_channels, 3, padding=1),
            nn.ReLU(),
            nn.Conv3d(teacher_channels, teacher_channels, 3, padding=1),
        )

    @method_in_full_precision
    def forward(self, student: Tensor, teacher: Tensor) -> Tensor:
        student, teacher = self.clip_maps(student, teacher)
        require_same_positions(student, teacher)
        keep = keep_mask(
            tuple(teacher.shape), masked=self.masked, masked_ratio=self.masked_ratio, device=student.device
        )
        return mgd(self.align(student), teacher, keep=keep, generation=self.generation)
