"""Exploring Inter-Channel Correlation for Diversity-Preserved Knowledge Distillation, Liu et al., ICCV 2021."""

from torch import Tensor, nn

from kdtoolbox.losses.shared.feature_maps import require_same_channels, unit_scale
from kdtoolbox.losses.shared.frame_vectors import unit_vectors
from kdtoolbox.losses.shared.full_precision import in_full_precision_of_any_shape
from kdtoolbox.method_card import from_paper
from kdtoolbox.registry import register_loss


def channel_correlation(maps: Tensor) -> Tensor:
    """The dot products of each channel with all others over positions, each row scaled to length 1.

    Args:
        maps: (N, C, ...).

    Returns:
        (N, C, C).
    """
    channels = maps.flatten(2)
    # Each row by its own scale, the other channels by the clip's: a row's scale does not matter, theirs does.
    products = unit_scale(channels, dim=2) @ unit_scale(channels, dim=(1, 2)).transpose(1, 2)
    return unit_vectors(products, dim=2)


@in_full_precision_of_any_shape
def ickd(student: Tensor, teacher: Tensor) -> Tensor:
    """Squared distance between the rows of the two :func:`channel_correlation`, mean over the N C rows.

    As in the authors' code for CIFAR-100; theirs for ImageNet divides by the batch size once more, which would make the
    weight depend on it.

    Args:
        student: (N, C, ...).
        teacher: (N, C, ...), whose time and space may differ.

    Raises:
        ValueError: they are no maps, or differ in N or C.

    >>> import torch
    >>> apart, together = torch.eye(2)[None], torch.ones(1, 2, 2)
    >>> ickd(apart, together)  # rows (1, 0), (0, 1) against (1, 1) / sqrt(2)
    tensor(0.5858)
    """
    require_same_channels(student, teacher)
    return (channel_correlation(student) - channel_correlation(teacher)).square().sum(-1).mean()


@from_paper('Liu et al., ICCV 2021', weight='2.5 for CIFAR-100')
@register_loss(needs=('maps',), checked_against=('ickd', 'ickd_imagenet'))
class ICKD(nn.Module):
    """Match the correlations between the teacher's channels in each clip, see :func:`ickd`."""

    def forward(self, student: Tensor, teacher: Tensor) -> Tensor:
        return ickd(student, teacher)
