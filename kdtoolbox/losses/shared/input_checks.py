"""Checks of the tensors that a loss gets: equal shapes, logits."""

from torch import Tensor


def misfit(student: Tensor, teacher: Tensor, words: str) -> ValueError:
    """The error of two tensors that do not fit.

    >>> import torch
    >>> print(misfit(torch.zeros(2, 51), torch.zeros(3, 51), 'must have the same N'))
    student (2, 51) and teacher (3, 51) must have the same N
    """
    return ValueError(f'student {tuple(student.shape)} and teacher {tuple(teacher.shape)} {words}')


def require_equal_shapes(student: Tensor, teacher: Tensor) -> None:
    """Check that student and teacher have the same shape, so that nothing is broadcast.

    Raises:
        ValueError: the shapes differ.

    >>> import torch
    >>> require_equal_shapes(torch.zeros(2, 51), torch.zeros(2, 1000))
    Traceback (most recent call last):
    ...
    ValueError: student (2, 51) and teacher (2, 1000) differ in shape: give the term a connector that makes them \
equal (LinearProjection for vectors and logits), or the teacher a probe with the student's classes (tools/fit_probe.py)
    """
    if student.shape != teacher.shape:
        maps = max(student.dim(), teacher.dim()) > 2
        more = (
            ', MapProjection for channels of maps, TemporalAlign for time steps, MatchSpace for places' if maps else ''
        )
        raise misfit(
            student,
            teacher,
            'differ in shape: give the term a connector that makes them equal (LinearProjection for vectors and logits'
            f"{more}), or the teacher a probe with the student's classes (tools/fit_probe.py)",
        )


def require_logits(logits: Tensor, *, min_classes: int = 1) -> None:
    """Check that a tensor has the shape of logits.

    Raises:
        ValueError: the tensor is neither (N, K) nor, frame by frame, (N, T', K), or there are too few classes.

    >>> import torch
    >>> require_logits(torch.zeros(4, 1), min_classes=2)
    Traceback (most recent call last):
    ...
    ValueError: 1 classes: this loss needs at least 2, with fewer it is constant. Use KLDivergence, which needs 2, or L2
    """
    if logits.dim() not in (2, 3):
        raise ValueError(
            f"got {tuple(logits.shape)}, expected logits (N, K), or (N, T', K) frame by frame: for maps "
            'use L1 or L2 on logits, or pool them first (GlobalPool)'
        )
    if logits.shape[-1] < min_classes:
        raise ValueError(
            f'{logits.shape[-1]} classes: this loss needs at least {min_classes}, with fewer it is '
            'constant. Use KLDivergence, which needs 2, or L2'
        )
