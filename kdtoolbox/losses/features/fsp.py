"""Flow of the solution procedure, Yim et al., CVPR 2017, "A Gift from Knowledge Distillation"."""

import itertools
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from kdtoolbox.losses.shared.feature_maps import require_maps, require_same_positions
from kdtoolbox.losses.shared.full_precision import in_full_precision_of_any_shape
from kdtoolbox.method_card import from_paper
from kdtoolbox.registry import register_loss


def flow_matrix(first: Tensor, last: Tensor) -> Tensor:
    """Products of all channels of one layer with all of a later one, mean over positions (equation 1).

    Args:
        first: (N, C1, ...).
        last: (N, C2, ...), of as many positions.

    Returns:
        (N, C1, C2).
    """
    require_same_positions(first, last)
    return first.flatten(2) @ last.flatten(2).transpose(1, 2) / first[0, 0].numel()


@in_full_precision_of_any_shape
def fsp(student: Sequence[Tensor], teacher: Sequence[Tensor]) -> Tensor:
    """Mean squared difference of the flow matrices of consecutive layers, summed over the pairs of layers.

    The paper sums over the C1 C2 entries of a matrix: multiply its weight by their number here.

    Args:
        student: maps of two layers or more, (N, C1, ...), (N, C2, ...), …; both of a pair at the same positions.
        teacher: as many, with the same channels; time and space may differ from the student's.

    Raises:
        ValueError: the maps do not fit each other.

    >>> import torch
    >>> ones, twos = torch.ones(1, 1, 2, 2), torch.full((1, 1, 2, 2), 2.)
    >>> fsp((ones, ones), (ones, twos))  # 1 * 1 against 1 * 2
    tensor(1.)
    """
    if isinstance(student, Tensor) or isinstance(teacher, Tensor) or len(student) != len(teacher) or len(student) < 2:
        raise ValueError(
            'expected the maps of two layers or more, as many of the student as of the teacher: list '
            "several module paths on both sides, such as student=['backbone.layer1', 'backbone.layer2']"
        )
    require_maps(*student, *teacher)
    for number, (got, target) in enumerate(zip(student, teacher)):
        if got.shape[:2] != target.shape[:2]:
            raise ValueError(
                f'layer {number}: student {tuple(got.shape)} and teacher {tuple(target.shape)} must agree '
                'in N and C: choose layers of equal channels, or project the student (MapProjection)'
            )
    losses = [
        (flow_matrix(*pair) - flow_matrix(*target)).square().mean()
        for pair, target in zip(itertools.pairwise(student), itertools.pairwise(teacher))
    ]
    return torch.stack(losses).sum()


@from_paper(
    'A Gift from Knowledge Distillation, Yim et al., CVPR 2017',
    weight='lambda, of the sum over the C1 C2 entries; 50, of the mean, in RepDistiller',
    our_weight='lambda C1 C2; 50',
)
@register_loss(needs=('maps', 'several taps'), checked_against=('fsp',))
class FSP(nn.Module):
    """Match the teacher's flow matrices between consecutive layers, see :func:`fsp`.

    The paper trains with this alone first and with the task alone after that.
    """

    def forward(self, student: tuple[Tensor, ...], teacher: tuple[Tensor, ...]) -> Tensor:
        return fsp(student, teacher)
