"""Simple recipe distillation, Miles & Mikolajczyk, AAAI 2024, arXiv:2303.11098."""

import math

import torch.nn.functional as F
from torch import Tensor, nn

from kdtoolbox.losses.shared.channel_pair import ChannelPairLoss
from kdtoolbox.losses.shared.full_precision import in_full_precision, method_in_full_precision
from kdtoolbox.losses.shared.gathering import LossOfAllClips
from kdtoolbox.method_card import from_paper
from kdtoolbox.registry import register_loss

NORM_EPSILON = 1e-4  # of the batch normalisation, as in the authors' code
SMALLEST = 1e-16  # is added to the sum, whose logarithm would be minus infinity where the two agree


@in_full_precision
def srd(student: Tensor, teacher: Tensor, *, exponent: float = 4.0) -> Tensor:
    """``log sum |s - t|^exponent`` over clips and channels of the batch-normalised features.

    The normalisation has neither weight nor bias and uses the statistics of the batch. The high power and the logarithm
    weaken the many small differences and the few large ones.

    Args:
        student: projected features (N, C).
        teacher: of the student's shape.

    >>> import torch
    >>> signs = torch.tensor([[1.], [-1.], [1.], [-1.]])
    >>> srd(signs, -signs)  # four differences of 2: log of 4 * 16
    tensor(4.1587)
    """
    student, teacher = (F.batch_norm(side, None, None, training=True, eps=NORM_EPSILON) for side in (student, teacher))
    return ((student - teacher).abs().pow(exponent).sum() + SMALLEST).log()


@from_paper(
    'Miles & Mikolajczyk, AAAI 2024, arXiv:2303.11098',
    weight='2 (ImageNet), sum over clips and channels inside the logarithm',
)
@register_loss(needs=('vectors', 'learned parts', 'batch'), checked_against=('srd',), min_batch_size=3)
class SRD(ChannelPairLoss, LossOfAllClips):
    """Match batch-normalised features through a linear layer by a log of a high power, see :func:`srd`.

    The paper adds the KL divergence of the logits at temperature 1 (a term with ``KLDivergence``). Maps are averaged
    over time and space. The batch is that of all processes together.

    Args:
        student_channels: C of the student's features.
        teacher_channels: C of the teacher's.
        exponent: power of the differences.

    Raises:
        ValueError: an option is out of range.
    """

    def __init__(self, student_channels: int, teacher_channels: int, *, exponent: float = 4.0) -> None:
        super().__init__(student_channels, teacher_channels)
        if not 1 <= exponent < math.inf:
            raise ValueError(f'exponent={exponent}: expected 1 or more; the paper takes 4')
        self.exponent = exponent
        self.embed = nn.Linear(student_channels, teacher_channels)

    @method_in_full_precision
    def forward(self, student: Tensor, teacher: Tensor) -> Tensor:
        """The loss of (N, C, ...) and (N, C', ...).

        Raises:
            ValueError: they differ in N, or there are fewer than three clips, or the channels are others.
        """
        student, teacher = self.gathered(*self.clip_vectors(student, teacher))
        return srd(self.embed(student), teacher, exponent=self.exponent)
