"""Mean squared difference.

Of logits: Ba & Caruana, arXiv:1312.6184. Of an image network's and a video network's: DistInit, Girdhar et al.,
arXiv:1901.09244.
"""

import torch.nn.functional as F
from torch import Tensor

from kdtoolbox.losses.shared.full_precision import in_full_precision
from kdtoolbox.losses.shared.regression_targets import OF_A_SUM, RegressionLoss, compared_tensors
from kdtoolbox.method_card import from_paper
from kdtoolbox.registry import register_loss


@in_full_precision
def l2(student: Tensor, teacher: Tensor, *, on: str = 'logits', temperature: float = 1.0) -> Tensor:
    """Mean over all elements of ``((s - t) / temperature)^2``, or of the squared difference of the probabilities.

    There is no factor 1/2 and no root, and the mean runs over the elements as well as over the batch: a weight from a
    paper that sums over K classes or over C T H W elements must be multiplied by their number here.

    Args:
        student: (N, K) logits, or any shape for ``on='logits'``: features (N, C), maps (N, C, T, H, W).
        teacher: of the student's shape.

    Raises:
        ValueError: the shapes differ, or are not those of logits where probabilities are compared.

    >>> import torch
    >>> l2(torch.tensor([[1., 2.]]), torch.tensor([[3., 2.]]))
    tensor(2.)
    """
    return F.mse_loss(*compared_tensors(student, teacher, on=on, temperature=temperature))


@from_paper(
    'Ba & Caruana, NeurIPS 2014, arXiv:1312.6184; Girdhar et al., ICCV 2019, arXiv:1901.09244',
    **OF_A_SUM,
)
@register_loss(needs=(), checked_against=('distil2d3d_loss', 'logits_mse', 'mmrazor_l2'))
class L2(RegressionLoss):
    """Mean squared difference of outputs, features or probabilities, see :func:`l2`.

    With a temperature the loss of logits is multiplied by 1/temperature^2.
    """

    function = staticmethod(l2)
