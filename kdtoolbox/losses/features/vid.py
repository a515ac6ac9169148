"""Variational information distillation, Ahn et al., CVPR 2019, arXiv:1904.05835."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kdtoolbox.losses.shared.channel_pair import ChannelPairLoss
from kdtoolbox.losses.shared.feature_maps import require_same_positions
from kdtoolbox.losses.shared.full_precision import in_full_precision, method_in_full_precision
from kdtoolbox.losses.shared.option_checks import checked_positive
from kdtoolbox.method_card import from_paper
from kdtoolbox.registry import register_loss


@in_full_precision
def vid(mean: Tensor, teacher: Tensor, *, variance: Tensor) -> Tensor:
    """Gaussian negative log-likelihood of the teacher's features, one variance per channel; mean over all elements.

    The paper's bound without its constant: ``(t - mean)^2 / (2 variance) + log(variance) / 2``. It may be negative.

    Args:
        mean: (N, C, T, H, W), the prediction of the teacher's features from the student's.
        teacher: of its shape.
        variance: (C,), above 0.

    >>> vid(torch.zeros(1, 1, 1, 1, 1), torch.full((1, 1, 1, 1, 1), 2.), variance=torch.ones(1))
    tensor(2.)
    """
    variance = variance.view(-1, 1, 1, 1)
    return ((teacher - mean).square() / variance + variance.log()).mean() / 2


@from_paper('Ahn et al., CVPR 2019, arXiv:1904.05835', weight='1 (a public toolbox), mean over all elements')
@register_loss(needs=('maps', 'learned parts'), checked_against=('vid',))
class VID(ChannelPairLoss):
    """Maximise the information about the teacher's features in the student's, see :func:`vid`.

    The mean is predicted by three 1x1x1 convolutions with ReLUs between them, the variance learned for each channel.

    Args:
        student_channels: C of the student's map, vector or sequence.
        teacher_channels: C of the teacher's, which must agree with it in time and space.
        hidden_channels: of the convolutions between; the teacher's if not given.
        initial_variance: of every channel.
        minimum_variance: is added, so that a channel that is predicted exactly does not divide by zero.

    Raises:
        ValueError: a number of channels is below 1, or ``initial_variance <= minimum_variance``, or it is not above 0.
    """

    def __init__(
        self,
        student_channels: int,
        teacher_channels: int,
        *,
        hidden_channels: int | None = None,
        initial_variance: float = 5.0,
        minimum_variance: float = 1e-5,
    ) -> None:
        super().__init__(student_channels, teacher_channels)
        hidden = checked_positive(teacher_channels if hidden_channels is None else hidden_channels, 'hidden_channels')
        if not 0 < minimum_variance < initial_variance < math.inf:
            raise ValueError(
                f'initial_variance={initial_variance}, minimum_variance={minimum_variance}: expected '
                '0 < minimum_variance < initial_variance'
            )
        self.minimum_variance = minimum_variance
        self.regressor = nn.Sequential(
            nn.Conv3d(student_channels, hidden, 1, bias=False),
            nn.ReLU(),
            nn.Conv3d(hidden, hidden, 1, bias=False),
            nn.ReLU(),
            nn.Conv3d(hidden, teacher_channels, 1, bias=False),
        )
        # The inverse of softplus, log(exp(v) - 1): the variance is initial_variance before the first step.
        above = initial_variance - minimum_variance
        self.log_scale = nn.Parameter(torch.full((teacher_channels,), above + math.log(-math.expm1(-above))))

    def variance(self) -> Tensor:
        """(C,) of the teacher's channels."""
        return F.softplus(self.log_scale) + self.minimum_variance

    @method_in_full_precision
    def forward(self, student: Tensor, teacher: Tensor) -> Tensor:
        student, teacher = self.clip_maps(student, teacher)
        require_same_positions(student, teacher)
        return vid(self.regressor(student), teacher, variance=self.variance())
