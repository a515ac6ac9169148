"""Cross-entropy to soft labels: knowledge distillation as Hinton, Vinyals & Dean write it, arXiv:1503.02531."""

from torch import Tensor, nn

from kdtoolbox.losses.shared.input_checks import checked_temperature, in_full_precision, require_logits
from kdtoolbox.losses.shared.relative_entropy import relative_entropy
from kdtoolbox.method_card import MethodCard
from kdtoolbox.registry import MODELS


@in_full_precision
def soft_cross_entropy(student: Tensor, teacher: Tensor, *, temperature: float = 1.0) -> Tensor:
    """``temperature^2`` times the cross-entropy of the student's to the teacher's softened probabilities.

    Summed over the K classes, averaged over the batch. The gradient is that of :func:`kl_divergence`; the value is
    larger by temperature^2 times the teacher's entropy, so it does not vanish when student and teacher agree.

    Args:
        student: logits (N, K), or (N, T', K): then the mean runs over the N T' frames.
        teacher: of the student's shape.

    Raises:
        ValueError: the shapes differ or are not those of logits, or K < 2.

    >>> import torch
    >>> soft_cross_entropy(torch.zeros(1, 2), torch.zeros(1, 2))  # log 2, the teacher's entropy
    tensor(0.6931)
    """
    require_logits(student, min_classes=2)
    log_targets = (teacher / temperature).log_softmax(-1)
    entropy = -(log_targets.exp() * log_targets).sum(-1)
    return temperature**2 * (relative_entropy(student / temperature, log_targets) + entropy).mean()


@MODELS.register_module()
class SoftCrossEntropy(nn.Module):
    """Cross-entropy to the teacher's softened class probabilities, see :func:`soft_cross_entropy`.

    Args:
        temperature: divides the logits of both; above 1 the unlikely classes count more.

    Raises:
        ValueError: the temperature is not above 0.
    """

    card = MethodCard(
        paper='Hinton, Vinyals & Dean, 2015, arXiv:1503.02531',
        needs=('logits',),
        min_classes=2,
        paper_weight='without temperature^2 in some code',
        our_weight='that / temperature^2',
        checked_against=('soft_ce',),
    )

    def __init__(self, *, temperature: float = 1.0) -> None:
        super().__init__()
        self.temperature = checked_temperature(temperature)

    def forward(self, student: Tensor, teacher: Tensor) -> Tensor:
        return soft_cross_entropy(student, teacher, temperature=self.temperature)
