"""Helpers of losses of feature maps and of relations: shape checks, and scaling that avoids overflow."""

from collections.abc import Sequence

from torch import Tensor

from kdtoolbox.losses.shared.input_checks import misfit


def require_maps(*maps: Tensor) -> None:
    """Check that the tensors are maps.

    Raises:
        ValueError: one has fewer than three dimensions.
    """
    for each in maps:
        if each.dim() < 3:
            raise ValueError(
                f'got {tuple(each.shape)}, expected maps (N, C, ...) with one to three dimensions of time '
                'and space: tap a module before the pooling'
            )


def require_same_positions(student: Tensor, teacher: Tensor) -> None:
    """Check that two maps are equal in all dimensions except channels.

    Raises:
        ValueError: they are no maps, or differ in N, time or space.
    """
    require_maps(student, teacher)
    if student.shape[:1] + student.shape[2:] != teacher.shape[:1] + teacher.shape[2:]:
        fix = 'bring one to the time steps and size of the other (TemporalAlign, MatchSpace)'
        raise misfit(student, teacher, f'must agree in all but their channels: {fix}')


def require_same_channels(student: Tensor, teacher: Tensor) -> None:
    """Check that two maps have the same channels; time and space may differ.

    Raises:
        ValueError: they are no maps, or differ in N or C.
    """
    require_maps(student, teacher)
    if student.shape[:2] != teacher.shape[:2]:
        fix = 'project the student to the channels of the teacher (MapProjection)'
        raise misfit(student, teacher, f'must agree in N and C: {fix}')


def require_same_maps(student: Tensor, teacher: Tensor) -> None:
    """Check that two maps have the same shape.

    Raises:
        ValueError: they are no maps, or differ; the message names the connector that is missing.
    """
    require_same_channels(student, teacher)
    require_same_positions(student, teacher)


def unit_scale(features: Tensor, dim: int | Sequence[int] = ()) -> Tensor:
    """Divide by the largest absolute value along ``dim`` (default: of all), without gradient; zeros stay zeros.

    For formulas that do not depend on the scale of their input: then powers and squares neither overflow nor underflow,
    and the gradient is unchanged. If the formula does not depend on the scale of each clip, scale each clip by itself,
    so that a clip with small values does not underflow beside one with large values.

    >>> import torch
    >>> unit_scale(torch.tensor([-4e30, 2e30]))
    tensor([-1.0000,  0.5000])
    >>> unit_scale(torch.tensor([[4.], [1e-9]]), dim=1)
    tensor([[1.],
            [1.]])
    """
    largest = features.detach().abs().amax(dim if isinstance(dim, int) else tuple(dim), keepdim=True)
    return features / largest.masked_fill(largest == 0, 1)
