"""Cosine distance of embeddings."""

from torch import Tensor, nn

from kdtoolbox.losses.shared.frame_vectors import unit_vectors
from kdtoolbox.losses.shared.full_precision import in_full_precision
from kdtoolbox.method_card import from_paper
from kdtoolbox.registry import register_loss


@in_full_precision
def cosine(student: Tensor, teacher: Tensor) -> Tensor:
    """Mean of ``1 - cos(s, t)`` over the channels, at each time step and position if there are any.

    Between 0 for equal directions and 2 for opposite ones. It is half the squared distance of the unit vectors. The
    cosine of a zero vector counts as 0.

    Args:
        student: embeddings (N, C), sequences of them (N, C, T), or maps (N, C, ...).
        teacher: of the student's shape.

    Raises:
        ValueError: the shapes differ, or there are no channels.

    >>> import torch
    >>> cosine(torch.tensor([[1., 0.]]), torch.tensor([[0., 7.]]))
    tensor(1.)
    """
    if student.dim() < 2:
        raise ValueError(f'got {tuple(student.shape)}, expected (N, C) or (N, C, ...)')
    return 1 - (unit_vectors(student, dim=1) * unit_vectors(teacher, dim=1)).sum(1).mean()


@from_paper('-')
@register_loss(needs=('vectors',), checked_against=('torch.nn.functional.cosine_similarity',))
class Cosine(nn.Module):
    """Cosine distance to the teacher's embedding, see :func:`cosine`."""

    def forward(self, student: Tensor, teacher: Tensor) -> Tensor:
        return cosine(student, teacher)
