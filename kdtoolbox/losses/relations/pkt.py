"""Probabilistic knowledge transfer, Passalis & Tefas, ECCV 2018, arXiv:1803.10837."""

from torch import Tensor
from torch.linalg import vector_norm

from kdtoolbox.losses.shared.frame_vectors import unit_vectors
from kdtoolbox.losses.shared.full_precision import in_full_precision_of_any_shape
from kdtoolbox.losses.shared.gathering import FunctionOfAllClips
from kdtoolbox.method_card import from_paper
from kdtoolbox.registry import register_loss

EPSILON = 1e-7


def neighbour_probabilities(features: Tensor, *, eps: float) -> Tensor:
    """Probability of each sample as a neighbour of each other sample, by the kernel ``(1 + cosine) / 2``.

    Args:
        features: (N, D).

    Returns:
        (N, N), rows that sum to 1, each sample counted among its own neighbours as in the authors' code.
    """
    length = vector_norm(features, dim=1, keepdim=True)
    directions = unit_vectors(features, dim=1) * (length / (length + eps))  # as features / (length + eps), 0 at 0
    kernel = ((directions @ directions.T + 1) / 2).clamp(0, 1)  # a cosine may be a rounding error beyond 1
    return kernel / kernel.sum(1, keepdim=True)


@in_full_precision_of_any_shape
def pkt(student: Tensor, teacher: Tensor, *, eps: float = EPSILON) -> Tensor:
    """Kullback-Leibler divergence of the student's neighbour probabilities from the teacher's, mean over N^2 entries.

    Args:
        student: (N, D), one vector a clip.
        teacher: (N, D').
        eps: added to lengths and probabilities before dividing by them.

    >>> import torch
    >>> pkt(torch.ones(2, 1), torch.tensor([[1.], [-1.]]))  # (1/2, 1/2) against (1, 0) and (0, 1): log(2) / 2
    tensor(0.3466)
    """
    probabilities, targets = neighbour_probabilities(student, eps=eps), neighbour_probabilities(teacher, eps=eps)
    return (targets * ((targets + eps) / (probabilities + eps)).log()).mean()


@from_paper('Passalis & Tefas, ECCV 2018, arXiv:1803.10837', weight='3e4 beside cross-entropy in RepDistiller')
@register_loss(needs=('vectors', 'batch'), checked_against=('pkt',), min_batch_size=2)
class PKT(FunctionOfAllClips):
    """Match the teacher's neighbour probabilities of the clips, see :func:`pkt`.

    The paper takes vectors, so pool maps first (``GlobalPool``).
    """

    function = staticmethod(pkt)
