"""Helpers of temporal losses: one vector for each time step, checks of the time steps, unit vectors."""

import torch
from torch import Tensor

from kdtoolbox.losses.shared.input_checks import misfit


def frame_vectors(features: Tensor) -> Tensor:
    """One vector for each time step: the mean over space.

    Args:
        features: (N, C, T), or with any more dimensions behind: maps (N, C, T, H, W), tokens (N, C, T, L).

    Returns:
        (N, C, T).

    Raises:
        ValueError: there is no dimension of time.

    >>> frame_vectors(torch.ones(2, 8, 4, 7, 7)).shape
    torch.Size([2, 8, 4])
    """
    require_time(features)
    return features.flatten(3).mean(3) if features.dim() > 3 else features


def require_time(features: Tensor) -> None:
    """Check that there is a time dimension.

    Raises:
        ValueError: there is no dimension of time.
    """
    if features.dim() < 3:
        raise ValueError(
            f'got {tuple(features.shape)}, expected sequences (N, C, T) or maps (N, C, T, H, W): tap '
            "a module before the pooling over time; an image teacher has 'frame_features' and "
            "'frame_logits'"
        )


def require_equal_steps(student: Tensor, teacher: Tensor) -> None:
    """Check that student and teacher have the same N and T.

    Args:
        student: (N, C, T, ...).
        teacher: (N, C', T, ...).

    Raises:
        ValueError: N or T differs.
    """
    if student.shape[0] != teacher.shape[0] or student.shape[2] != teacher.shape[2]:
        fix = 'bring one side to the time steps of the other (TemporalAlign)'
        raise misfit(student, teacher, f'must have the same N and T in (N, C, T, ...): {fix}')


def unit_vectors(vectors: Tensor, dim: int) -> Tensor:
    """Vectors along ``dim``, scaled to length 1; zero vectors stay 0 and get no gradient.

    Clamping the length instead would give a vector near 0 a gradient as large as the inverse of the clamp, which can
    destroy a training in one step.

    >>> unit_vectors(torch.tensor([[3., 4.], [0., 0.]]), dim=1)
    tensor([[0.6000, 0.8000],
            [0.0000, 0.0000]])
    """
    length = torch.linalg.vector_norm(vectors, dim=dim, keepdim=True)
    directed = ~(length <= SHORTEST)  # NaN stays NaN
    return torch.where(directed, vectors / torch.where(directed, length, 1.0), 0.0)


SHORTEST = 1e-12  # shorter vectors count as zero
