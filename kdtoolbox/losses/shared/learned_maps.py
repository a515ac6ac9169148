"""Helpers of losses with parameters: reshaping to (N, C, T, H, W), checks of channels and shapes.

Their convolutions are 3D. A map without time is a map with one time step, for which a padded 3x3x3 convolution is the
3x3 convolution of its middle slice. So one module works for (N, C, H, W) and (N, C, T, H, W).
"""

from collections.abc import Sequence

from torch import Tensor

from kdtoolbox.losses.shared.option_checks import checked_positive

Widths = int | Sequence[int]  # the channels of one tap, or of each of several
TapOutputs = Tensor | tuple[Tensor, ...]  # the output of one tapped module, or of several


def as_clip_map(features: Tensor, *, channels: int, side: str) -> Tensor:
    """The features as (N, C, T, H, W).

    Args:
        features: (N, C), (N, C, T), (N, C, H, W) or (N, C, T, H, W).
        channels: C, as the loss was built for.
        side: ``'student'`` or ``'teacher'``, for the message.

    Raises:
        ValueError: it has another number of dimensions or of channels.

    >>> import torch
    >>> as_clip_map(torch.zeros(2, 5, 8), channels=5, side='student').shape
    torch.Size([2, 5, 8, 1, 1])
    """
    if features.dim() not in (2, 3, 4, 5):
        raise ValueError(
            f'the {side} gave {tuple(features.shape)}, expected (N, C), (N, C, T), (N, C, H, W) or (N, C, T, H, W)'
        )
    if features.shape[1] != channels:
        raise ValueError(
            f'the {side} gave {features.shape[1]} channels, {tuple(features.shape)}, but this loss was '
            f'built with {side}_channels={channels}: set {features.shape[1]}'
        )
    if features.dim() == 4:
        return features.unsqueeze(2)
    return features[(...,) + (None,) * (5 - features.dim())]


def clip_vectors(features: Tensor, *, channels: int, side: str) -> Tensor:
    """One vector a clip, (N, C): the mean over time and space, for features as :func:`as_clip_map` takes them.

    >>> import torch
    >>> clip_vectors(torch.ones(2, 5, 8, 7, 7), channels=5, side='student').shape
    torch.Size([2, 5])
    """
    return as_clip_map(features, channels=channels, side=side).mean((2, 3, 4))


def as_taps(features: Tensor | Sequence[Tensor], *, count: int, side: str) -> tuple[Tensor, ...]:
    """The features of all taps as a tuple, also for one tap.

    Raises:
        ValueError: there are not ``count`` of them.
    """
    taps = (features,) if isinstance(features, Tensor) else tuple(features)
    if len(taps) != count:
        raise ValueError(
            f'the {side} gave {len(taps)} maps, but this loss was built for {count}: '
            f'name as many modules in the term as there are {side}_channels'
        )
    return taps


def tap_maps(taps: TapOutputs, *, channels: Sequence[int], side: str) -> list[Tensor]:
    """The features of all taps as (N, C, T, H, W), see :func:`as_taps` and :func:`as_clip_map`.

    Args:
        channels: C of each tap, as the loss was built for.

    Raises:
        ValueError: there are not as many taps, or one has another number of dimensions or of channels.
    """
    return [
        as_clip_map(tap, channels=number, side=side)
        for number, tap in zip(channels, as_taps(taps, count=len(channels), side=side))
    ]


def channel_lists(student_channels: Widths, teacher_channels: Widths) -> tuple[list[int], list[int]]:
    """Check the channel numbers of all taps and return them as lists.

    Raises:
        ValueError: student and teacher have different numbers of taps, or a number of channels is below 1.

    >>> channel_lists(64, 256)
    ([64], [256])
    """
    student = [student_channels] if isinstance(student_channels, int) else list(student_channels)
    teacher = [teacher_channels] if isinstance(teacher_channels, int) else list(teacher_channels)
    if len(student) != len(teacher) or not student:
        raise ValueError(
            f'student_channels={student_channels} and teacher_channels={teacher_channels}: expected one '
            'number for each tapped module, as many for the student as for the teacher'
        )
    for number in student + teacher:
        checked_positive(number, 'a number of channels')
    return student, teacher


def channel_list(channels: Widths, side: str) -> list[int]:
    """Check the channel numbers of the taps of one side and return them as a list.

    Raises:
        ValueError: there is none, or one is below 1.

    >>> channel_list(64, 'student')
    [64]
    """
    numbers = [channels] if isinstance(channels, int) else list(channels)
    if not numbers:
        raise ValueError(f'{side}_channels={channels}: expected one number for each tapped module')
    return [checked_positive(number, f'a number of {side}_channels') for number in numbers]
