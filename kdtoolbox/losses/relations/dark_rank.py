"""DarkRank, Chen, Wang & Zhang, AAAI 2018, arXiv:1707.01220."""

import math

import torch
from torch import Tensor

from kdtoolbox.losses.shared.frame_vectors import unit_vectors
from kdtoolbox.losses.shared.full_precision import in_full_precision_of_any_shape, method_in_full_precision
from kdtoolbox.losses.shared.gathering import LossOfAllClips
from kdtoolbox.losses.shared.option_checks import checked_positive
from kdtoolbox.losses.shared.pair_distances import pair_distances
from kdtoolbox.method_card import from_paper
from kdtoolbox.registry import register_loss


@in_full_precision_of_any_shape
def hard_dark_rank(
    student: Tensor, teacher: Tensor, *, length: int = 4, alpha: float = 3.0, beta: float = 3.0
) -> Tensor:
    """Negative log-likelihood of the teacher's order of each clip's neighbours under the student; mean over clips.

    The score of a neighbour is ``-alpha * distance^beta``. The likelihood of an order is Plackett and Luce's: at each
    rank the softmax of the scores of those that are left. Of the teacher only its most likely order counts, of the
    ``length`` nearest neighbours: the paper's hard transfer, which it finds as good as the soft one over all orders.

    Args:
        student: (N, D), one vector a clip.
        teacher: (N, D').
        length: number of neighbours in the order; with fewer other clips, all of them.
        alpha: factor of the score.
        beta: power of the distance.

    >>> import torch
    >>> line = torch.tensor([[0.], [1.], [3.]])
    >>> hard_dark_rank(torch.zeros(3, 1), line)  # any order of two is as likely: log 2
    tensor(0.6931)
    """
    itself = torch.eye(len(student), dtype=torch.bool, device=student.device)
    order = pair_distances(teacher).masked_fill(itself, math.inf).argsort(dim=1, stable=True)
    order = order[:, : min(length, len(student) - 1)]
    scores = (-alpha * pair_distances(student).pow(beta)).gather(1, order)
    left = scores.flip(1).logcumsumexp(1).flip(1)  # at each rank: of it and all behind it
    return (left - scores).sum(1).mean()


@from_paper('Chen, Wang & Zhang, AAAI 2018, arXiv:1707.01220', weight='1, sum over the ranks, mean over the clips')
@register_loss(needs=('vectors', 'batch'), checked_against=('hard_dark_rank',), min_batch_size=3)
class DarkRank(LossOfAllClips):
    """Rank the neighbours of each clip as the teacher does, see :func:`hard_dark_rank`.

    The batch is that of all processes together. Clips may be of any rank: vectors, sequences or maps, taken as the
    vectors of their elements, and the two sides may differ in all but N.

    Args:
        length: number of neighbours whose order counts.
        alpha: factor of the score of a neighbour.
        beta: power of its distance.
        normalize: whether clips are scaled to length 1 first, as the embeddings of the paper are. The power makes
            distances of unscaled features so large that the loss sees the nearest neighbour only.

    Raises:
        ValueError: an option is out of range.
    """

    def __init__(self, *, length: int = 4, alpha: float = 3.0, beta: float = 3.0, normalize: bool = True) -> None:
        super().__init__()
        self.length = checked_positive(length, 'length')
        for name, value in (('alpha', alpha), ('beta', beta)):
            if not 0 < value < math.inf:
                raise ValueError(f'{name}={value}: expected a finite number above 0; the paper takes 3')
        self.alpha, self.beta, self.normalize = float(alpha), float(beta), normalize

    @method_in_full_precision
    def forward(self, student: Tensor, teacher: Tensor) -> Tensor:
        """The loss of (N, C, ...) and (N, C', ...).

        Raises:
            ValueError: they differ in N, or there are fewer than three clips, of which no order can be learned.
        """
        student, teacher = self.gathered(student, teacher)
        if self.normalize:
            student, teacher = unit_vectors(student, dim=1), unit_vectors(teacher, dim=1)
        return hard_dark_rank(student, teacher, length=self.length, alpha=self.alpha, beta=self.beta)
