"""Correlation congruence, Peng et al., ICCV 2019, arXiv:1904.01802."""

import math

import torch
from torch import Tensor

from kdtoolbox.losses.shared.frame_vectors import unit_vectors
from kdtoolbox.losses.shared.full_precision import in_full_precision, in_full_precision_of_any_shape
from kdtoolbox.losses.shared.gathering import LossOfAllClips
from kdtoolbox.losses.shared.option_checks import checked_above_zero
from kdtoolbox.method_card import from_paper
from kdtoolbox.registry import register_loss


def correlation(features: Tensor, *, gamma: float, order: int) -> Tensor:
    """Gaussian kernel between all pairs of samples, ``exp(-gamma ||x - y||^2)``, as its Taylor series in ``x . y``.

    The samples are scaled to length 1 first, so that ``||x - y||^2 = 2 - 2 x . y``.

    Args:
        features: (N, D).
        order: highest power of the series, P in the paper.

    Returns:
        (N, N).
    """
    directions = unit_vectors(features, dim=1)
    products = directions @ directions.T
    terms = [(2 * gamma) ** power / math.factorial(power) * products**power for power in range(order + 1)]
    return math.exp(-2 * gamma) * torch.stack(terms).sum(0)


@in_full_precision_of_any_shape
def correlation_congruence(student: Tensor, teacher: Tensor, *, gamma: float = 0.4, order: int = 2) -> Tensor:
    """Mean squared difference of the two matrices of :func:`correlation`.

    The authors' code of another library compares consecutive samples of the batch instead, see
    :func:`consecutive_products`; this is the paper's formula.

    Args:
        student: (N, D), one vector a clip.
        teacher: (N, D').

    >>> import torch
    >>> alike, unlike = torch.tensor([[1., 0.], [1., 0.]]), torch.eye(2)
    >>> correlation_congruence(alike, unlike, order=1)  # exp(-0.8) * 0.8 off the diagonal, squared, half of the entries
    tensor(0.0646)
    """
    difference = correlation(student, gamma=gamma, order=order) - correlation(teacher, gamma=gamma, order=order)
    return difference.square().mean()


@in_full_precision
def consecutive_products(student: Tensor, teacher: Tensor) -> Tensor:
    """Products of the absolute differences of consecutive samples, summed over the channels, mean over the N - 1 pairs.

    What the authors gave to RepDistiller under the name of correlation congruence. It is no part of the class, since it
    depends on the order of the batch; it is here to compare with numbers from that code.

    Args:
        student: (N, D).
        teacher: of the student's shape.

    >>> import torch
    >>> consecutive_products(torch.tensor([[1.], [2.], [4.]]), torch.zeros(3, 1))  # of 1 * 2 and 2 * 4
    tensor(5.)
    """
    difference = (student - teacher).abs()
    return (difference[:-1] * difference[1:]).sum(1).mean()


@from_paper('Peng et al., ICCV 2019, arXiv:1904.01802', weight='beta')
@register_loss(needs=('batch',), checked_against=('cckd_rbf',), min_batch_size=2)
class CorrelationCongruence(LossOfAllClips):
    """Match the teacher's kernel matrix of all clips of the batch, see :func:`correlation_congruence`.

    The batch is that of all processes together. The paper samples batches so that classes repeat in them.

    Args:
        gamma: of the Gaussian kernel.
        order: highest power of its Taylor series.

    Raises:
        ValueError: an option is out of range.
    """

    def __init__(self, *, gamma: float = 0.4, order: int = 2) -> None:
        super().__init__()
        if order < 1:
            raise ValueError(
                f'order {order}: expected 1 or more, as with 0 all pairs correlate alike; the paper takes 2'
            )
        self.gamma, self.order = checked_above_zero(gamma, 'gamma', hint='the paper takes 0.4'), order

    def forward(self, student: Tensor, teacher: Tensor) -> Tensor:
        """The loss of (N, C, ...) and (N, C', ...).

        Raises:
            ValueError: they differ in N, or there is one clip only.
        """
        student, teacher = self.gathered(student, teacher)
        return correlation_congruence(student, teacher, gamma=self.gamma, order=self.order)
