"""Knowledge distillation, Hinton, Vinyals & Dean, arXiv:1503.02531."""

from torch import Tensor

from kdtoolbox.losses.shared.full_precision import in_full_precision
from kdtoolbox.losses.shared.input_checks import require_logits
from kdtoolbox.losses.shared.relative_entropy import relative_entropy
from kdtoolbox.losses.shared.temperature_loss import TemperatureLoss
from kdtoolbox.method_card import from_paper
from kdtoolbox.registry import register_loss


@in_full_precision
def kl_divergence(student: Tensor, teacher: Tensor, *, temperature: float = 1.0) -> Tensor:
    """``temperature^2 * KL(softmax(teacher / temperature) || softmax(student / temperature))``.

    Sum over the K classes, mean over the batch. The factor temperature^2 is always applied, so that the size of the
    gradient does not depend on the temperature (section 2 of the paper). Divide a weight from code without this factor
    by temperature^2, and a weight from code that averages over classes by K.

    Args:
        student: logits (N, K), or (N, T', K): then the mean runs over the N T' frames.
        teacher: of the student's shape.

    Raises:
        ValueError: the shapes differ or are not those of logits, or K < 2.

    >>> import torch
    >>> kl_divergence(torch.zeros(1, 2), torch.tensor([[0., 100.]]))  # a certain teacher, a student that knows nothing
    tensor(0.6931)
    """
    require_logits(student, min_classes=2)
    return relative_entropy(student / temperature, teacher / temperature).mean() * temperature**2


@from_paper(
    'Hinton, Vinyals & Dean, 2015, arXiv:1503.02531',
    weight='0.9, beside 0.1 of the cross-entropy, in much public code; some of it without temperature^2',
    our_weight='0.9; where without, that / temperature^2',
)
@register_loss(needs=('logits',), min_classes=2, checked_against=('kd', 'kd_ce', 'guided_kd', 'distil2d3d_loss'))
class KLDivergence(TemperatureLoss):
    """KL divergence to the teacher's softened class probabilities, see :func:`kl_divergence`."""

    function = staticmethod(kl_divergence)
