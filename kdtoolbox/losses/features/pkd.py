"""Distillation via Pearson correlation, Cao et al., NeurIPS 2022, arXiv:2207.02039."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from kdtoolbox.losses.shared.channel_statistics import require_elements
from kdtoolbox.losses.shared.feature_maps import require_same_maps
from kdtoolbox.losses.shared.full_precision import in_full_precision_of_any_shape
from kdtoolbox.losses.shared.input_checks import require_equal_shapes
from kdtoolbox.method_card import from_paper
from kdtoolbox.registry import register_loss

EPSILON = 1e-6


def standardized(features: Tensor) -> Tensor:
    """Each channel minus its mean, divided by its standard deviation, over the batch and all positions.

    Channels that are constant up to rounding errors become 0 and get no gradient.

    Args:
        features: (N, C, ...).

    Returns:
        (C, number of samples and positions).
    """
    channels = features.transpose(0, 1).flatten(1)
    deviation = channels.std(1, keepdim=True)
    rounding = 8 * torch.finfo(channels.dtype).eps * channels.detach().abs().amax(1, keepdim=True)
    centred = channels - channels.mean(1, keepdim=True)
    return centred / (deviation + EPSILON).masked_fill(deviation <= rounding, math.inf)


@in_full_precision_of_any_shape
def pkd(student: Tensor, teacher: Tensor) -> Tensor:
    """Half the mean squared difference of the :func:`standardized` features: about 1 - their Pearson correlation.

    The mean and deviation are those of this process's batch, as in batch normalization.

    Args:
        student: maps (N, C, ...) or vectors (N, C).
        teacher: of the same shape.

    Raises:
        ValueError: the shapes differ, or a channel has fewer than three elements.

    >>> import torch
    >>> rising = torch.tensor([[[1., 2., 3.]]])
    >>> pkd(rising, 3 - 2 * rising)  # (-1, 0, 1) against (1, 0, -1)
    tensor(1.3333)
    """
    if student.dim() > 2:
        require_same_maps(student, teacher)
    require_equal_shapes(student, teacher)
    require_elements(student)
    return F.mse_loss(standardized(student), standardized(teacher)) / 2


@from_paper('Cao et al., NeurIPS 2022, arXiv:2207.02039', weight='6')
@register_loss(needs=('maps', 'batch statistics'), checked_against=('pkd',))
class PKD(nn.Module):
    """Match feature maps up to the scale and offset of each channel, see :func:`pkd`."""

    def forward(self, student: Tensor, teacher: Tensor) -> Tensor:
        return pkd(student, teacher)
