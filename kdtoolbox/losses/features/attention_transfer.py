"""Attention transfer, Zagoruyko & Komodakis, ICLR 2017, arXiv:1612.03928."""

import math

from torch import Tensor, nn
from torch.linalg import vector_norm

from kdtoolbox.losses.shared.feature_maps import require_same_positions, unit_scale
from kdtoolbox.losses.shared.frame_vectors import unit_vectors
from kdtoolbox.losses.shared.full_precision import in_full_precision_of_any_shape
from kdtoolbox.method_card import from_paper
from kdtoolbox.registry import register_loss


def attention_map(maps: Tensor, *, p: float) -> Tensor:
    """The attention map: the sum over channels of ``|activation|^p``, scaled to length 1 over all positions.

    Args:
        maps: (N, C, ...).

    Returns:
        (N, number of positions), all of time and space together.
    """
    scaled = unit_scale(maps.flatten(2), dim=(1, 2))
    return unit_vectors(scaled.abs().pow(p).sum(1), dim=1)


@in_full_precision_of_any_shape
def attention_transfer(student: Tensor, teacher: Tensor, *, p: float = 2.0, squared: bool = False) -> Tensor:
    """Distance of the two attention maps of unit length, mean over the batch.

    ``mean over n of ||qs(n) - qt(n)||`` is what equation 2 of the paper sums for one layer. The authors' code, and most
    others, take its square and the mean over positions too; their weight of 1e3 belongs to this form, ``squared=True``.

    Args:
        student: (N, C, ...).
        teacher: (N, C', ...), of as many positions.

    Raises:
        ValueError: they are no maps, or differ in N, time or space.

    >>> import torch
    >>> left, right = torch.tensor([[[5., 0.]]]), torch.tensor([[[0., -3.]]])
    >>> attention_transfer(left, right), attention_transfer(left, right, squared=True)
    (tensor(1.4142), tensor(1.))
    """
    require_same_positions(student, teacher)
    difference = attention_map(student, p=p) - attention_map(teacher, p=p)
    return difference.square().mean() if squared else vector_norm(difference, dim=1).mean()


@from_paper(
    'Zagoruyko & Komodakis, ICLR 2017, arXiv:1612.03928',
    weight="beta / 2 of the distance (Eq. 2); 1e3 in the authors' code, of squared=True",
)
@register_loss(needs=('maps',), checked_against=('at', 'at_p'))
class AttentionTransfer(nn.Module):
    """Match the teacher's attention map, see :func:`attention_transfer`.

    Attention over time and space together; ``SpatioTemporalAttention`` treats them separately.

    Args:
        p: power of the activations in the attention map; a higher power gives more weight to the strongest positions.
        squared: the square of the distance, averaged over positions, as the authors' code has it.

    Raises:
        ValueError: p is below 1 or not finite.
    """

    def __init__(self, *, p: float = 2.0, squared: bool = False) -> None:
        super().__init__()
        if not 1 <= p < math.inf:
            raise ValueError(f'p {p}: expected a finite number of 1 or more; the paper takes 2')
        self.p, self.squared = float(p), squared

    def forward(self, student: Tensor, teacher: Tensor) -> Tensor:
        return attention_transfer(student, teacher, p=self.p, squared=self.squared)
