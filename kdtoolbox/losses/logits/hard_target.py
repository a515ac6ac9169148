"""Cross-entropy to the teacher's class: the hard-label distillation of DeiT, Touvron et al., arXiv:2012.12877."""

import torch.nn.functional as F
from torch import Tensor, nn

from kdtoolbox.losses.shared.input_checks import checked_temperature, in_full_precision, require_logits
from kdtoolbox.method_card import MethodCard
from kdtoolbox.registry import MODELS


@in_full_precision
def hard_target(student: Tensor, teacher: Tensor, *, temperature: float = 1.0) -> Tensor:
    """Mean cross-entropy of ``softmax(student / temperature)`` to the class in which the teacher is largest.

    Only the teacher's class is used, so the temperature is for the student only. For equal largest logits the class is
    torch's ``argmax``. For equal logits the loss is not 0.

    Args:
        student: logits (N, K), or (N, T', K): then the mean runs over the N T' frames.
        teacher: of the student's shape.

    Raises:
        ValueError: the shapes differ or are not those of logits, or K < 2.

    >>> import torch
    >>> hard_target(torch.zeros(1, 4), torch.tensor([[0., 0., 9., 1.]]))  # log 4
    tensor(1.3863)
    """
    require_logits(student, min_classes=2)
    return F.cross_entropy((student / temperature).flatten(0, -2), teacher.argmax(-1).flatten())


@MODELS.register_module()
class HardTarget(nn.Module):
    """Cross-entropy to the teacher's most likely class, see :func:`hard_target`.

    Args:
        temperature: divides the student's logits.

    Raises:
        ValueError: the temperature is not above 0.
    """

    card = MethodCard(
        paper='Touvron et al., ICML 2021, arXiv:2012.12877',
        needs=('logits',),
        min_classes=2,
        paper_weight='0.5, beside 0.5 of the cross-entropy',
        our_weight='0.5',
        checked_against=('distil2d3d_loss',),
    )

    def __init__(self, *, temperature: float = 1.0) -> None:
        super().__init__()
        self.temperature = checked_temperature(temperature)

    def forward(self, student: Tensor, teacher: Tensor) -> Tensor:
        return hard_target(student, teacher, temperature=self.temperature)
