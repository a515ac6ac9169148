"""What the losses that know time or directions share: frame vectors, equal steps, unit vectors."""

import torch
from torch import Tensor


def frame_vectors(features: Tensor) -> Tensor:
    """One vector a time step: the mean over space.

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
    """Refuse vectors.

    Raises:
        ValueError: there is no dimension of time.
    """
    if features.dim() < 3:
        raise ValueError(
            f'got {tuple(features.shape)}, expected sequences (N, C, T) or maps (N, C, T, H, W): listen '
            "to a module before the pooling over time; an image teacher has 'frame_features' and "
            "'frame_logits'"
        )


def require_equal_steps(student: Tensor, teacher: Tensor) -> None:
    """Refuse a pair of other clips or of other time steps.

    Args:
        student: (N, C, T, ...).
        teacher: (N, C', T, ...).

    Raises:
        ValueError: N or T differs.
    """
    if student.shape[0] != teacher.shape[0] or student.shape[2] != teacher.shape[2]:
        raise ValueError(
            f'student {tuple(student.shape)} and teacher {tuple(teacher.shape)} must have the same N and '
            'T in (N, C, T, ...): bring one side to the time steps of the other (TemporalAlign)'
        )


def unit_vectors(vectors: Tensor, dim: int) -> Tensor:
    """Vectors along ``dim`` of length 1; those without a direction stay 0 and get no gradient.

    Clamping the length instead would hand a vector near 0 a gradient of the inverse of the clamp, which can undo a
    training in one step.

    >>> unit_vectors(torch.tensor([[3., 4.], [0., 0.]]), dim=1)
    tensor([[0.6000, 0.8000],
            [0.0000, 0.0000]])
    """
    length = torch.linalg.vector_norm(vectors, dim=dim, keepdim=True)
    directed = ~(length <= SHORTEST)  # NaN stays NaN
    return torch.where(directed, vectors / torch.where(directed, length, 1.0), 0.0)


SHORTEST = 1e-12  # shorter vectors have no direction
