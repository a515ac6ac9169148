"""Mean absolute difference."""

import torch.nn.functional as F
from torch import Tensor

from kdtoolbox.losses.shared.full_precision import in_full_precision
from kdtoolbox.losses.shared.regression_targets import OF_A_SUM, RegressionLoss, compared_tensors
from kdtoolbox.method_card import from_paper
from kdtoolbox.registry import register_loss


@in_full_precision
def l1(student: Tensor, teacher: Tensor, *, on: str = 'logits', temperature: float = 1.0) -> Tensor:
    """Mean over all elements of ``|s - t| / temperature``, or of the difference of the softmax probabilities.

    Shapes, the mean over elements and errors are those of :func:`l2`.

    >>> import torch
    >>> l1(torch.tensor([[1., 2.]]), torch.tensor([[3., 2.]]))
    tensor(1.)
    """
    return F.l1_loss(*compared_tensors(student, teacher, on=on, temperature=temperature))


@from_paper('none: the mean absolute difference', **OF_A_SUM)
@register_loss(needs=(), checked_against=('distil2d3d_loss', 'mmrazor_l1'))
class L1(RegressionLoss):
    """Mean absolute difference of outputs, features or probabilities, see :func:`l1`."""

    function = staticmethod(l1)
