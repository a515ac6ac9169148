"""Information theoretic representation distillation, Miles et al., BMVC 2022, arXiv:2112.00459."""

import math

import torch
from torch import Tensor, nn

from kdtoolbox.losses.shared.channel_pair import ChannelPairLoss
from kdtoolbox.losses.shared.frame_vectors import unit_vectors
from kdtoolbox.losses.shared.full_precision import in_full_precision_of_any_shape, method_in_full_precision
from kdtoolbox.losses.shared.gathering import LossOfAllClips
from kdtoolbox.losses.shared.option_checks import checked_weight
from kdtoolbox.method_card import from_paper
from kdtoolbox.registry import register_loss


def channel_correlations(student: Tensor, teacher: Tensor) -> Tensor:
    """Correlation of each channel of the student with the same one of the teacher, over the clips.

    As in the authors' code, deviations are those of a sample (divided by N - 1) and the products are divided by N, so
    that equal features have ``(N - 1) / N``. Channels that are constant up to rounding errors have 0.

    Args:
        student: (N, D).
        teacher: of the student's shape.

    Returns:
        (D,).
    """
    centred = [_centred(side) for side in (student, teacher)]
    return (centred[0] * centred[1]).sum(0) * (len(student) - 1) / len(student)


def _centred(features: Tensor) -> Tensor:
    centred = features - features.mean(0)
    rounding = 8 * torch.finfo(features.dtype).eps * features.detach().abs().amax(0)
    varies = centred.detach().abs().amax(0) > rounding
    return unit_vectors(torch.where(varies, centred, 0.0), dim=0)


@in_full_precision_of_any_shape
def correlation_loss(student: Tensor, teacher: Tensor, *, alpha: float = 1.01) -> Tensor:
    """``log2 sum over the channels of |c - 1|^(2 alpha)``, with c of :func:`channel_correlations`.

    Args:
        student: (N, D).
        teacher: of the student's shape.

    >>> rising = torch.tensor([[0.], [1.], [2.]])
    >>> correlation_loss(rising, 5 - rising, alpha=1.0)  # c = -2/3: log2 of 25 / 9
    tensor(1.4739)
    """
    return (channel_correlations(student, teacher) - 1).abs().pow(2 * alpha).sum().log2()


@in_full_precision_of_any_shape
def mutual_information_loss(student: Tensor, teacher: Tensor) -> Tensor:
    """Sum of ``G_s^2 - G_st^2``, Renyi's quadratic entropies of the student and of both together, without logarithm.

    G_s and G_t are the cosine similarities of all pairs of clips, ``G_st`` their product, both divided by their traces.

    Args:
        student: (N, D).
        teacher: (N, D').

    >>> mutual_information_loss(torch.ones(2, 1), torch.eye(2))  # all 1/2 against 1/2 on the diagonal
    tensor(0.5000)
    """
    gram, goal = (unit_vectors(side, dim=1) @ unit_vectors(side, dim=1).T for side in (student, teacher))
    together = gram * goal
    gram, together = (matrix / matrix.diagonal().sum().clamp(min=1) for matrix in (gram, together))
    return (gram.square() - together.square()).sum()


@from_paper(
    'Miles, Lopez-Rodriguez & Mikolajczyk, BMVC 2022, arXiv:2112.00459',
    weight='2 for correlations, 1 for mutual information (inside), sums over channels and pairs',
)
@register_loss(needs=('vectors', 'learned parts', 'batch'), checked_against=('itrd',), min_batch_size=3)
class ITRD(ChannelPairLoss, LossOfAllClips):
    """Match channel correlations and the information in the similarities of clips, see :func:`correlation_loss`.

    A linear layer brings the student to the teacher's channels; where both have as many,
    :func:`mutual_information_loss` does without it, as in the authors' code. The batch is that of all processes
    together. Maps are averaged over time and space.

    Args:
        student_channels: C of the student's vector.
        teacher_channels: C of the teacher's.
        alpha: power of a correlation's distance to 1; above 1 it looks at the channels that are far.
        correlation_weight: of the correlations.
        mutual_weight: of the mutual information.

    Raises:
        ValueError: ``alpha`` is below 0.5, a weight below 0, or a number of channels below 1.
    """

    def __init__(
        self,
        student_channels: int,
        teacher_channels: int,
        *,
        alpha: float = 1.01,
        correlation_weight: float = 2.0,
        mutual_weight: float = 1.0,
    ) -> None:
        super().__init__(student_channels, teacher_channels)
        if not 0.5 <= alpha < math.inf:
            raise ValueError(f'alpha={alpha}: expected 0.5 or more; the paper takes 1.01 and 1.5')
        self.alpha = alpha
        self.correlation_weight = checked_weight(correlation_weight, 'correlation_weight')
        self.mutual_weight = checked_weight(mutual_weight, 'mutual_weight')
        self.embed = nn.Linear(student_channels, teacher_channels)

    def forward(self, student: Tensor, teacher: Tensor) -> Tensor:
        """The loss of (N, C, ...) and (N, C', ...).

        Raises:
            ValueError: they differ in N, or there are fewer than three clips, or the channels are others.
        """
        parts = self.parts(student, teacher)
        return self.correlation_weight * parts['correlation'] + self.mutual_weight * parts['mutual']

    def parts(self, student: Tensor, teacher: Tensor) -> dict[str, Tensor]:
        """The two losses, unweighted."""
        correlation, mutual = self._parts(student, teacher)
        return {'correlation': correlation, 'mutual': mutual}

    @method_in_full_precision
    def _parts(self, student: Tensor, teacher: Tensor) -> Tensor:
        student, teacher = self.gathered(*self.clip_vectors(student, teacher))
        embedded = self.embed(student)
        same = self.student_channels == self.teacher_channels
        return torch.stack(
            [
                correlation_loss(embedded, teacher, alpha=self.alpha),
                mutual_information_loss(student if same else embedded, teacher),
            ]
        )
