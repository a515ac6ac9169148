"""Binary cross-entropy to the teacher for each class, as in github.com/deepmd/Distil-2D-3D."""

import torch.nn.functional as F
from torch import Tensor

from kdtoolbox.losses.shared.full_precision import in_full_precision
from kdtoolbox.losses.shared.input_checks import require_logits
from kdtoolbox.losses.shared.temperature_loss import TemperatureLoss
from kdtoolbox.method_card import from_paper
from kdtoolbox.registry import register_loss


@in_full_precision
def bce_with_teacher(student: Tensor, teacher: Tensor, *, temperature: float = 1.0) -> Tensor:
    """Mean binary cross-entropy of ``sigmoid(s / temperature)`` to ``sigmoid(t / temperature)``.

    For equal logits the gradient is 0, but the loss is the mean binary entropy of the teacher. There is no factor
    temperature^2. The mean is over the K classes and over the batch.

    Args:
        student: logits (N, K) or (N, T', K).
        teacher: of the student's shape.

    Raises:
        ValueError: the shapes differ or are not those of logits.

    >>> import torch
    >>> bce_with_teacher(torch.zeros(1, 2), torch.tensor([[-5., 5.]]))  # log 2, whatever the teacher says
    tensor(0.6931)
    """
    require_logits(student)
    return F.binary_cross_entropy_with_logits(student / temperature, (teacher / temperature).sigmoid())


@from_paper('github.com/deepmd/Distil-2D-3D')
@register_loss(needs=('logits',), checked_against=('distil2d3d_loss',))
class BCEWithTeacher(TemperatureLoss):
    """Binary cross-entropy to the teacher's sigmoid of each class, see :func:`bce_with_teacher`."""

    function = staticmethod(bce_with_teacher)
