"""Relational knowledge distillation by angles, Park et al., CVPR 2019, arXiv:1904.05068."""

from torch import Tensor
from torch.nn import functional as F

from kdtoolbox.losses.shared.frame_vectors import unit_vectors
from kdtoolbox.losses.shared.full_precision import in_full_precision_of_any_shape
from kdtoolbox.losses.shared.gathering import FunctionOfAllClips
from kdtoolbox.method_card import from_paper
from kdtoolbox.registry import register_loss


def angle_cosines(features: Tensor) -> Tensor:
    """Cosine of the angle at j between i and k, for all triplets; 0 where two of them are equal.

    Args:
        features: (N, D).

    Returns:
        (N, N, N), in the order j, i, k.
    """
    directions = unit_vectors(features.unsqueeze(0) - features.unsqueeze(1), dim=2)
    return directions @ directions.transpose(1, 2)


@in_full_precision_of_any_shape
def rkd_angle(student: Tensor, teacher: Tensor) -> Tensor:
    """Huber loss between the cosines of :func:`angle_cosines`, mean over the N^3 entries.

    The paper sums over triplets; as in the authors' code, to which its weights belong, this is the mean, triplets with
    a repeated sample included. It takes memory of N^2 D numbers.

    Args:
        student: (N, D), one vector a clip.
        teacher: (N, D').

    >>> import torch
    >>> line, corner = torch.tensor([[-1.], [0.], [1.]]), torch.tensor([[1., 0.], [0., 0.], [0., 1.]])
    >>> rkd_angle(line, corner)  # cosines -1, 1, 1 against 0, 0.7071, 0.7071, each twice in 27
    tensor(0.0434)
    """
    return F.smooth_l1_loss(angle_cosines(student), angle_cosines(teacher))


@from_paper('Park et al., CVPR 2019, arXiv:1904.05068', weight='50 (2 for metric learning)')
@register_loss(needs=('vectors', 'batch'), checked_against=('rkd_angle', 'rkd'), min_batch_size=3)
class RKDAngle(FunctionOfAllClips):
    """Match the teacher's angles in triplets of clips of the batch, see :func:`rkd_angle`.

    The paper takes vectors, so pool maps first (``GlobalPool``).
    """

    function = staticmethod(rkd_angle)
