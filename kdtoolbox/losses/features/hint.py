"""FitNets, Romero et al., ICLR 2015, arXiv:1412.6550: hint-based training."""

from torch import Tensor, nn
from torch.nn import functional as F

from kdtoolbox.losses.shared.feature_maps import require_same_maps
from kdtoolbox.losses.shared.full_precision import in_full_precision_of_any_shape
from kdtoolbox.losses.shared.input_checks import require_equal_shapes
from kdtoolbox.method_card import from_paper
from kdtoolbox.registry import register_loss


@in_full_precision_of_any_shape
def hint(student: Tensor, teacher: Tensor) -> Tensor:
    """Mean over all elements of ``(r(s) - t)^2``, where the regressor r is the connector of the student's side.

    Equation 3 of the paper has half the sum over the elements of a sample: multiply its weight by half their number
    here.

    Args:
        student: output of the regressor, maps (N, C, ...) or vectors (N, C).
        teacher: of the same shape.

    Raises:
        ValueError: the shapes differ.

    >>> import torch
    >>> hint(torch.zeros(1, 2, 1, 1), torch.full((1, 2, 1, 1), 3.))
    tensor(9.)
    """
    if student.dim() > 2:
        require_same_maps(student, teacher)
    require_equal_shapes(student, teacher)
    return F.mse_loss(student, teacher)


@from_paper(
    'FitNets, Romero et al., ICLR 2015, arXiv:1412.6550',
    weight='1, of half the sum over the elements of a sample',
    our_weight="half the number of elements of a sample's teacher map",
)
@register_loss(needs=('maps',), checked_against=('fitnet_mse', 'fitnet_conv1x1', 'fitnet_convreg'))
class Hint(nn.Module):
    """Regress a feature map of the teacher from one of the student, see :func:`hint`.

    The regressor is the student's connector: ``MapProjection``, after ``TemporalAlign`` and ``MatchSpace`` where time
    and space differ.
    """

    def forward(self, student: Tensor, teacher: Tensor) -> Tensor:
        return hint(student, teacher)
