"""Factor transfer, Kim, Park & Kwak, NeurIPS 2018, arXiv:1802.04977."""

import torch.nn.functional as F
from torch import Tensor, nn

from kdtoolbox.losses.shared.channel_pair import ChannelPairLoss
from kdtoolbox.losses.shared.feature_maps import require_same_positions
from kdtoolbox.losses.shared.frame_vectors import unit_vectors
from kdtoolbox.losses.shared.full_precision import in_full_precision, method_in_full_precision
from kdtoolbox.losses.shared.option_checks import checked_positive
from kdtoolbox.method_card import from_paper
from kdtoolbox.registry import register_loss

LEAKY_SLOPE = 0.1


@in_full_precision
def factor_distance(student: Tensor, teacher: Tensor) -> Tensor:
    """Mean absolute difference of two factors, each divided by its length; mean over all elements.

    The paper's factor transfer loss with p = 1. One public toolbox squares and averages over the channels first, which
    is attention transfer instead. A factor of zeros gets no gradient.

    Args:
        student: factors (N, C, ...).
        teacher: of the student's shape.

    >>> import torch
    >>> factor_distance(torch.tensor([[3., 4.]]), torch.tensor([[4., 3.]]))
    tensor(0.2000)
    """
    return F.l1_loss(unit_vectors(student.flatten(1), dim=1), unit_vectors(teacher.flatten(1), dim=1))


class Paraphraser(nn.Module):
    """The paraphraser: an autoencoder of the teacher's map; its code is the teacher's factor."""

    def __init__(self, channels: int, factor_channels: int) -> None:
        super().__init__()
        self.encoder = translator(channels, factor_channels)
        self.decoder = nn.Sequential(
            *_activated(nn.ConvTranspose3d(factor_channels, factor_channels, 3, padding=1)),
            *_activated(nn.ConvTranspose3d(factor_channels, channels, 3, padding=1)),
            *_activated(nn.ConvTranspose3d(channels, channels, 3, padding=1)),
        )

    def forward(self, teacher: Tensor) -> tuple[Tensor, Tensor]:
        """The factor and the reconstruction error, a mean over all elements."""
        factor = self.encoder(teacher)
        return factor, F.mse_loss(self.decoder(factor), teacher)


def translator(channels: int, factor_channels: int) -> nn.Sequential:
    """Three 3x3x3 convolutions, each with a leaky ReLU behind it, from a map to a factor."""
    return nn.Sequential(
        *_activated(nn.Conv3d(channels, channels, 3, padding=1)),
        *_activated(nn.Conv3d(channels, factor_channels, 3, padding=1)),
        *_activated(nn.Conv3d(factor_channels, factor_channels, 3, padding=1)),
    )


@from_paper('Kim, Park & Kwak, NeurIPS 2018, arXiv:1802.04977', weight='500, mean over all elements')
@register_loss(needs=('maps', 'learned parts', 'pre-stage'), checked_against=('ft', 'ft_factor'))
class FactorTransfer(ChannelPairLoss):
    """Match compressed factors of the features, the teacher's from an autoencoder, see :func:`factor_distance`.

    The paper trains the paraphraser, the autoencoder of the teacher's map, in a stage of its own before the student,
    and freezes it. Here it is trained alone for the first ``warmup`` of the training, when the loss is its
    reconstruction error and the student gets no gradient from it. After that the loss is the distance of the factors;
    the paraphraser continues to learn the reconstruction only, which adds a gradient but nothing to the value. The
    term's weight multiplies the reconstruction as well, hence ``reconstruction_weight``. For the paper's two stages
    exactly, train a first run with this term at ``warmup=1`` and start a second from its checkpoint with ``warmup=0``
    and ``reconstruction_weight=0``.

    Args:
        student_channels: C of the student's map.
        teacher_channels: C of the teacher's, which must agree with it in time and space.
        factor_channels: of the factors; half the teacher's if not given, the paper's rate k = 0.5.
        warmup: share of the training in which only the paraphraser learns.
        reconstruction_weight: of the reconstruction error; by default 1 under the paper's weight of 500. At 0 the
            paraphraser is frozen.

    Raises:
        ValueError: channels are below 1, ``warmup`` is no share, or there is a warm-up without reconstruction.
    """

    def __init__(
        self,
        student_channels: int,
        teacher_channels: int,
        *,
        factor_channels: int | None = None,
        warmup: float = 0.1,
        reconstruction_weight: float = 0.002,
    ) -> None:
        super().__init__(student_channels, teacher_channels)
        if factor_channels is None:
            factor_channels = max(1, teacher_channels // 2)
        if not 0 <= warmup <= 1 or not reconstruction_weight >= 0 or (warmup > 0 and reconstruction_weight == 0):
            raise ValueError(
                f'warmup={warmup}, reconstruction_weight={reconstruction_weight}: expected a share from 0 '
                'to 1 and a weight of 0 or more, above 0 if there is a warm-up'
            )
        self.warmup = warmup
        self.reconstruction_weight = reconstruction_weight
        self.paraphraser = Paraphraser(teacher_channels, checked_positive(factor_channels, 'factor_channels'))
        self.paraphraser.requires_grad_(reconstruction_weight > 0)
        self.translator = translator(student_channels, factor_channels)

    @method_in_full_precision
    def forward(self, student: Tensor, teacher: Tensor, progress: float) -> Tensor:
        student, teacher = self.clip_maps(student, teacher)
        require_same_positions(student, teacher)
        teacher_factor, error = self.paraphraser(teacher)
        reconstruction = self.reconstruction_weight * error
        distance = factor_distance(self.translator(student), teacher_factor)
        if progress < self.warmup:
            # All parameters stay in the graph: distributed training needs a gradient for each.
            return reconstruction + 0 * distance
        return distance + (reconstruction - reconstruction.detach())


def _activated(convolution: nn.Module) -> tuple[nn.Module, nn.Module]:
    return convolution, nn.LeakyReLU(LEAKY_SLOPE)
