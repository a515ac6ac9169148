"""Activation boundaries, Heo et al., AAAI 2019, arXiv:1811.03233."""

import torch
from torch import Tensor, nn

from kdtoolbox.losses.shared.feature_maps import require_same_maps
from kdtoolbox.losses.shared.full_precision import in_full_precision_of_any_shape
from kdtoolbox.losses.shared.input_checks import require_equal_shapes
from kdtoolbox.losses.shared.option_checks import checked_above_zero
from kdtoolbox.method_card import from_paper
from kdtoolbox.registry import register_loss


@in_full_precision_of_any_shape
def activation_boundary(student: Tensor, teacher: Tensor, *, margin: float = 1.0) -> Tensor:
    """Mean over all elements of ``relu(margin - s)^2`` where ``t > 0`` and of ``relu(margin + s)^2`` elsewhere.

    This is the alternative loss of the paper, which has a gradient. The paper sums over the elements of a sample:
    multiply its weight by their number here. Its code weights the layers by 1, 1/2, 1/4, … from the last one down: use
    the weights of several terms.

    Args:
        student: before the activation function; maps (N, C, ...) or vectors (N, C).
        teacher: before the activation function, of the same shape.

    Raises:
        ValueError: the shapes differ.

    >>> import torch
    >>> student, teacher = torch.tensor([[0.25, 3., -1.]]), torch.tensor([[5., 0.1, -2.]])
    >>> activation_boundary(student, teacher)  # only the first is too near
    tensor(0.1875)
    """
    if student.dim() > 2:
        require_same_maps(student, teacher)
    require_equal_shapes(student, teacher)
    signed = torch.where(teacher > 0, student, -student)
    return (margin - signed).relu().square().mean()


@from_paper(
    'Heo et al., AAAI 2019, arXiv:1811.03233',
    weight="1, of the sum over the elements of a sample; 3e-3 2^-k in the authors' code",
    our_weight='the same times the elements of a sample',
)
@register_loss(needs=('maps',), checked_against=('ab',))
class ActivationBoundary(nn.Module):
    """Match the signs of the teacher's activations before the ReLU, see :func:`activation_boundary`.

    Tap modules before the ReLU in both networks. The paper trains with this alone first, then with the task.

    Args:
        margin: mu in the paper; activations further from the boundary have no loss.

    Raises:
        ValueError: the margin is not above 0.
    """

    def __init__(self, *, margin: float = 1.0) -> None:
        super().__init__()
        self.margin = checked_above_zero(margin, 'margin', hint='the paper takes 1')

    def forward(self, student: Tensor, teacher: Tensor) -> Tensor:
        return activation_boundary(student, teacher, margin=self.margin)
