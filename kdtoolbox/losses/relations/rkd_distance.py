"""Relational knowledge distillation by distances, Park et al., CVPR 2019, arXiv:1904.05068."""

import math

from torch import Tensor
from torch.nn import functional as F

from kdtoolbox.losses.shared.feature_maps import unit_scale
from kdtoolbox.losses.shared.full_precision import in_full_precision_of_any_shape
from kdtoolbox.losses.shared.gathering import FunctionOfAllClips
from kdtoolbox.losses.shared.pair_distances import pair_distances, rounding_of
from kdtoolbox.method_card import from_paper
from kdtoolbox.registry import register_loss


def relative_distances(features: Tensor) -> Tensor:
    """Euclidean distance of all pairs, divided by its mean over the pairs of different samples.

    Equal samples have distance 0 and get no gradient from it; where all are equal but for rounding errors, all
    distances are 0.

    Args:
        features: (N, D).

    Returns:
        (N, N).
    """
    features = unit_scale(features)
    distances = pair_distances(features)
    mean = distances.sum() / (len(features) * (len(features) - 1))
    return distances / mean.masked_fill(mean <= rounding_of(features), math.inf)


@in_full_precision_of_any_shape
def rkd_distance(student: Tensor, teacher: Tensor) -> Tensor:
    """Huber loss between the distances of :func:`relative_distances`, mean over the N^2 entries.

    The paper sums over pairs; as in the authors' code, to which its weights belong, this is the mean, diagonal
    included.

    Args:
        student: (N, D), one vector a clip.
        teacher: (N, D').

    >>> import torch
    >>> line, triangle = torch.tensor([[0.], [1.], [3.]]), torch.tensor([[0., 0.], [3., 0.], [3., 4.]])
    >>> rkd_distance(line, triangle)  # (1, 2, 3) / 2 against (3, 4, 5) / 4
    tensor(0.0139)
    """
    return F.smooth_l1_loss(relative_distances(student), relative_distances(teacher))


@from_paper('Park et al., CVPR 2019, arXiv:1904.05068', weight='25 (1 for metric learning)')
@register_loss(needs=('vectors', 'batch'), checked_against=('rkd_distance', 'rkd'), min_batch_size=3)
class RKDDistance(FunctionOfAllClips):
    """Match the teacher's distances between the clips of the batch, see :func:`rkd_distance`.

    The paper takes vectors, so pool maps first (``GlobalPool``). Three clips are needed: the one distance of two is 1.
    """

    function = staticmethod(rkd_distance)
