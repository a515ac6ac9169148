"""Similarity-preserving distillation, Tung & Mori, ICCV 2019, arXiv:1907.09682."""

from torch import Tensor

from kdtoolbox.losses.shared.feature_maps import unit_scale
from kdtoolbox.losses.shared.frame_vectors import unit_vectors
from kdtoolbox.losses.shared.full_precision import in_full_precision_of_any_shape
from kdtoolbox.losses.shared.gathering import FunctionOfAllClips
from kdtoolbox.method_card import from_paper
from kdtoolbox.registry import register_loss


def similarity_rows(features: Tensor) -> Tensor:
    """The dot products of each sample with all others, each row scaled to length 1: (N, N)."""
    # Each row by its own scale, the samples it is compared with by that of the batch: a row's own does not matter.
    return unit_vectors(unit_scale(features, dim=1) @ unit_scale(features).T, dim=1)


@in_full_precision_of_any_shape
def similarity_preserving(student: Tensor, teacher: Tensor) -> Tensor:
    """``||G_t - G_s||^2 / N^2`` with G of :func:`similarity_rows`.

    Args:
        student: (N, D), one vector a clip.
        teacher: (N, D').

    >>> import torch
    >>> similarity_preserving(torch.eye(2), torch.ones(2, 2))  # rows (1, 0), (0, 1) against (1, 1) / sqrt(2)
    tensor(0.2929)
    """
    return (similarity_rows(student) - similarity_rows(teacher)).square().mean()


@from_paper('Tung & Mori, ICCV 2019, arXiv:1907.09682', weight='3e3')
@register_loss(needs=('batch',), checked_against=('sp',), min_batch_size=2)
class SimilarityPreserving(FunctionOfAllClips):
    """Match the teacher's similarities between the clips of the batch, see :func:`similarity_preserving`."""

    function = staticmethod(similarity_preserving)
