"""A loss in a file of its own: the maths is a function, the registered class holds what can be configured."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from kdtoolbox.registry import MODELS


def cosine_distance(student: Tensor, teacher: Tensor) -> Tensor:
    """Mean over the batch of one minus the cosine between student and teacher.

    Args:
        student: (N, C).
        teacher: (N, C).

    >>> cosine_distance(torch.tensor([[1., 0.]]), torch.tensor([[0., 2.]]))
    tensor(1.)
    """
    if student.shape != teacher.shape:
        raise ValueError(
            f'CosineDistance compares vectors of one shape, got {tuple(student.shape)} and {tuple(teacher.shape)}'
        )
    with torch.autocast(student.device.type, enabled=False):
        return (1 - F.cosine_similarity(student.float(), teacher.detach().float(), dim=1)).mean()


@MODELS.register_module()
class CosineDistance(nn.Module):
    """:func:`cosine_distance` as a term's loss."""

    def forward(self, student: Tensor, teacher: Tensor) -> Tensor:
        return cosine_distance(student, teacher)
