"""Cross-entropy to the teacher's class: the hard-label distillation of DeiT, Touvron et al., arXiv:2012.12877."""

import torch.nn.functional as F
from torch import Tensor

from kdtoolbox.losses.shared.full_precision import in_full_precision
from kdtoolbox.losses.shared.input_checks import require_logits
from kdtoolbox.losses.shared.temperature_loss import TemperatureLoss
from kdtoolbox.method_card import from_paper
from kdtoolbox.registry import register_loss


@in_full_precision
def hard_target(student: Tensor, teacher: Tensor, *, temperature: float = 1.0) -> Tensor:
    """Mean cross-entropy of ``softmax(student / temperature)`` to the class in which the teacher is largest.

    Only the teacher's class is used, so the temperature is for the student only. For equal largest logits the class is
    torch's ``argmax``. For equal logits the loss is not 0.

    Shapes and errors are those of :func:`kl_divergence`.

    >>> import torch
    >>> hard_target(torch.zeros(1, 4), torch.tensor([[0., 0., 9., 1.]]))  # log 4
    tensor(1.3863)
    """
    require_logits(student, min_classes=2)
    return F.cross_entropy((student / temperature).flatten(0, -2), teacher.argmax(-1).flatten())


@from_paper('Touvron et al., ICML 2021, arXiv:2012.12877', weight='0.5, beside 0.5 of the cross-entropy')
@register_loss(needs=('logits',), min_classes=2, checked_against=('distil2d3d_loss',))
class HardTarget(TemperatureLoss):
    """Cross-entropy to the teacher's most likely class, see :func:`hard_target`."""

    function = staticmethod(hard_target)
