"""Cross-entropy to soft labels: knowledge distillation as Hinton, Vinyals & Dean write it, arXiv:1503.02531."""

from torch import Tensor

from kdtoolbox.losses.shared.full_precision import in_full_precision
from kdtoolbox.losses.shared.input_checks import require_logits
from kdtoolbox.losses.shared.relative_entropy import relative_entropy
from kdtoolbox.losses.shared.temperature_loss import TemperatureLoss
from kdtoolbox.method_card import from_paper
from kdtoolbox.registry import register_loss


@in_full_precision
def soft_cross_entropy(student: Tensor, teacher: Tensor, *, temperature: float = 1.0) -> Tensor:
    """``temperature^2`` times the cross-entropy of the student's to the teacher's softened probabilities.

    Summed over the K classes, averaged over the batch. The gradient is that of :func:`kl_divergence`; the value is
    larger by temperature^2 times the teacher's entropy, so it does not vanish when student and teacher agree.

    Shapes and errors are those of :func:`kl_divergence`.

    >>> import torch
    >>> soft_cross_entropy(torch.zeros(1, 2), torch.zeros(1, 2))  # log 2, the teacher's entropy
    tensor(0.6931)
    """
    require_logits(student, min_classes=2)
    log_targets = (teacher / temperature).log_softmax(-1)
    entropy = -(log_targets.exp() * log_targets).sum(-1)
    return temperature**2 * (relative_entropy(student / temperature, log_targets) + entropy).mean()


@from_paper(
    'Hinton, Vinyals & Dean, 2015, arXiv:1503.02531',
    weight='without temperature^2 in some code',
    our_weight='that / temperature^2',
)
@register_loss(needs=('logits',), min_classes=2, checked_against=('soft_ce',))
class SoftCrossEntropy(TemperatureLoss):
    """Cross-entropy to the teacher's softened class probabilities, see :func:`soft_cross_entropy`."""

    function = staticmethod(soft_cross_entropy)
