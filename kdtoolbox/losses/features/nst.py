"""Neuron selectivity transfer, Huang & Wang, arXiv:1707.01219."""

from torch import Tensor, nn

from kdtoolbox.losses.shared.feature_maps import require_same_positions, unit_scale
from kdtoolbox.losses.shared.frame_vectors import unit_vectors
from kdtoolbox.losses.shared.full_precision import in_full_precision_of_any_shape
from kdtoolbox.method_card import from_paper
from kdtoolbox.registry import register_loss


def selectivities(maps: Tensor) -> Tensor:
    """Each channel as a vector of length 1 over all positions: (N, C, ...) -> (N, C, positions)."""
    return unit_vectors(unit_scale(maps.flatten(2), dim=2), dim=2)


def mean_kernel(left: Tensor, right: Tensor) -> Tensor:
    """The polynomial kernel ``(x . y)^2``, mean over all pairs of channels of a clip and over the batch."""
    return (left @ right.transpose(1, 2)).square().mean()


@in_full_precision_of_any_shape
def nst(student: Tensor, teacher: Tensor) -> Tensor:
    """Squared maximum mean discrepancy between the channels of the two maps, mean over the batch.

    With the paper's polynomial kernel, of degree 2 without a constant. The term of the teacher alone is part of the
    value, so that equal maps give 0.

    Shapes and errors are those of :func:`attention_transfer`: (N, C, ...) and (N, C', ...) of as many positions.

    >>> import torch
    >>> left, right = torch.tensor([[[5., 0.]]]), torch.tensor([[[0., 3.]]])
    >>> nst(left, right), nst(left, 2 * left)
    (tensor(2.), tensor(0.))
    """
    require_same_positions(student, teacher)
    student, teacher = selectivities(student), selectivities(teacher)
    return mean_kernel(teacher, teacher) + mean_kernel(student, student) - 2 * mean_kernel(student, teacher)


@from_paper('Huang & Wang, 2017, arXiv:1707.01219', weight='50 in RepDistiller')
@register_loss(needs=('maps',), checked_against=('nst',))
class NST(nn.Module):
    """Match the distribution of the teacher's channel activation patterns, see :func:`nst`."""

    def forward(self, student: Tensor, teacher: Tensor) -> Tensor:
        return nst(student, teacher)
