"""Transformed teacher matching, Zheng & Yang, ICLR 2024, arXiv:2402.11148."""

from torch import Tensor, nn

from kdtoolbox.losses.shared.full_precision import in_full_precision
from kdtoolbox.losses.shared.input_checks import require_logits
from kdtoolbox.losses.shared.relative_entropy import relative_entropy
from kdtoolbox.method_card import from_paper
from kdtoolbox.registry import register_loss


@in_full_precision
def wttm(student: Tensor, teacher: Tensor, *, gamma: float = 0.1, weighted: bool = True) -> Tensor:
    """KL divergence of the student's plain probabilities from the teacher's, flattened by the power ``gamma``.

    The teacher's probabilities to the power gamma, normalized again, are its softmax at temperature 1 / gamma. The
    student has no temperature, and there is no factor temperature^2. Weighted (WTTM), the weight of a sample is the sum
    of the powers, which is larger for an uncertain teacher; otherwise this is TTM. Sum over the K classes, mean over
    the batch.

    Shapes and errors are those of :func:`kl_divergence`.

    >>> import torch
    >>> wttm(torch.zeros(1, 4), torch.tensor([[50., 50., 0., 0.]]), gamma=0.5)  # sqrt(2) log 2
    tensor(0.9803)
    """
    require_logits(student, min_classes=2)
    powers = gamma * teacher.log_softmax(-1)
    divergence = relative_entropy(student, powers)
    return (powers.exp().sum(-1) * divergence if weighted else divergence).mean()


@from_paper(
    'Zheng & Yang, ICLR 2024, arXiv:2402.11148', weight="chosen for each pair; 45 in the example of the authors' code"
)
@register_loss(needs=('logits',), min_classes=2, checked_against=('ttm', 'wttm'))
class WTTM(nn.Module):
    """KL divergence from the student's plain to the teacher's flattened probabilities, see :func:`wttm`.

    Args:
        gamma: the power, 1 / temperature of the teacher.
        weighted: False for TTM, with equal weights of the samples.

    Raises:
        ValueError: gamma is not in (0, 1].
    """

    def __init__(self, *, gamma: float = 0.1, weighted: bool = True) -> None:
        super().__init__()
        if not 0 < gamma <= 1:
            raise ValueError(f'gamma {gamma}: expected above 0 and at most 1, which leaves the teacher as it is')
        self.gamma = float(gamma)
        self.weighted = weighted

    def forward(self, student: Tensor, teacher: Tensor) -> Tensor:
        return wttm(student, teacher, gamma=self.gamma, weighted=self.weighted)
