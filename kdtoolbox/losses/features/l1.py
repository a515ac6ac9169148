"""Mean absolute difference."""

import torch.nn.functional as F
from torch import Tensor, nn

from kdtoolbox.losses.shared.input_checks import checked_temperature, in_full_precision
from kdtoolbox.losses.shared.regression_targets import checked_on, compared_tensor
from kdtoolbox.method_card import MethodCard
from kdtoolbox.registry import MODELS


@in_full_precision
def l1(student: Tensor, teacher: Tensor, *, on: str = 'logits', temperature: float = 1.0) -> Tensor:
    """Mean over all elements of ``|s - t| / temperature``, or of the difference of the softmax probabilities.

    The mean runs over the elements as well as over the batch: a weight from a paper that sums over K classes or over
    C T H W elements must be multiplied by their number here.

    Args:
        student: (N, K) logits, or any shape for ``on='logits'``: features (N, C), maps (N, C, T, H, W).
        teacher: of the student's shape.

    Raises:
        ValueError: the shapes differ, or are not those of logits where probabilities are compared.

    >>> import torch
    >>> l1(torch.tensor([[1., 2.]]), torch.tensor([[3., 2.]]))
    tensor(1.)
    """
    return F.l1_loss(
        compared_tensor(student, on=on, temperature=temperature),
        compared_tensor(teacher, on=on, temperature=temperature),
    )


@MODELS.register_module()
class L1(nn.Module):
    """Mean absolute difference of outputs, features or probabilities, see :func:`l1`.

    Args:
        on: ``'logits'`` for the tensors as they are (of any kind), ``'probabilities'`` for their softmax over classes.
        temperature: divides the tensors first.

    Raises:
        ValueError: an option is not one of these.
    """

    card = MethodCard(
        paper='none: the mean absolute difference',
        needs=(),
        paper_weight='w of a sum over elements, averaged over the batch',
        our_weight='w times the elements of a sample',
        checked_against=('distil2d3d_loss', 'mmrazor_l1'),
    )

    def __init__(self, *, on: str = 'logits', temperature: float = 1.0) -> None:
        super().__init__()
        self.on = checked_on(on)
        self.temperature = checked_temperature(temperature)

    def forward(self, student: Tensor, teacher: Tensor) -> Tensor:
        return l1(student, teacher, on=self.on, temperature=self.temperature)
