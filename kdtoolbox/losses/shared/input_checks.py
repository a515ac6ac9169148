"""Helpers of all losses: checks of shapes and temperature, full precision under autocast."""

import math
from collections.abc import Callable
from functools import wraps

import torch
from torch import Tensor, nn


def require_equal_shapes(student: Tensor, teacher: Tensor) -> None:
    """Check that student and teacher have the same shape, so that nothing is broadcast.

    Raises:
        ValueError: the shapes differ.

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
        raise ValueError(
            f'student {tuple(student.shape)} and teacher {tuple(teacher.shape)} differ in shape: give '
            'the term a connector that makes them equal (LinearProjection for vectors and logits'
            f"{more}), or the teacher a probe with the student's classes (tools/fit_probe.py)"
        )


def require_logits(logits: Tensor, *, min_classes: int = 1) -> None:
    """Check that a tensor has the shape of logits.

    Raises:
        ValueError: the tensor is neither (N, K) nor, frame by frame, (N, T', K), or there are too few classes.

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


def checked_above_zero(number: float, name: str, *, hint: str) -> float:
    """Check an option of a loss.

    Args:
        hint: usual values, the end of the message.

    Raises:
        ValueError: it is not a finite number above 0.
    """
    if not 0 < number < math.inf:
        raise ValueError(f'{name} {number}: expected a finite number above 0; {hint}')
    return float(number)


def checked_temperature(temperature: float) -> float:
    """:func:`checked_above_zero` of a temperature."""
    return checked_above_zero(temperature, 'temperature', hint='1 leaves logits as they are')


def in_full_precision(loss: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """Decorator: compute ``loss(student, teacher, **options)`` in float32 or float64, without gradient to the teacher.

    Both must have the same shape. Autocast is disabled, because the difference of two nearly equal bfloat16 numbers has
    no correct digit; float64 stays float64.
    """

    @wraps(loss)
    def wrapped(student: Tensor, teacher: Tensor, **options) -> Tensor:
        require_equal_shapes(student, teacher)
        dtype = torch.promote_types(torch.promote_types(student.dtype, teacher.dtype), torch.float32)
        with torch.autocast(device_type=student.device.type, enabled=False):
            return loss(student.to(dtype), teacher.detach().to(dtype), **options)

    return wrapped


def in_full_precision_of_any_shape(loss: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """The same as :func:`in_full_precision`, for losses that check shapes themselves.

    Student and teacher may differ in shape, and each may be a tuple of tensors; all get the same precision.
    """

    @wraps(loss)
    def wrapped(student: Tensor | tuple[Tensor, ...], teacher: Tensor | tuple[Tensor, ...], **options) -> Tensor:
        dtype = torch.float32
        for tensor in (*_as_tuple(student), *_as_tuple(teacher)):
            dtype = torch.promote_types(dtype, tensor.dtype)
        with torch.autocast(device_type=_as_tuple(student)[0].device.type, enabled=False):
            return loss(
                _each(student, lambda tensor: tensor.to(dtype)),
                _each(teacher, lambda tensor: tensor.detach().to(dtype)),
                **options,
            )

    return wrapped


def method_in_full_precision(method: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """:func:`in_full_precision_of_any_shape` of a module's ``method(self, student, teacher, ...)``, as its forward.

    Only student and teacher are brought to that precision; further inputs stay as they are.
    """

    @wraps(method)
    def wrapped(self: nn.Module, student: Tensor, teacher: Tensor, *inputs, **named) -> Tensor:
        def loss(student: Tensor, teacher: Tensor) -> Tensor:
            return method(self, student, teacher, *inputs, **named)

        return in_full_precision_of_any_shape(loss)(student, teacher)

    return wrapped


def _as_tuple(tensors: Tensor | tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    return (tensors,) if isinstance(tensors, Tensor) else tuple(tensors)


def _each(tensors: Tensor | tuple[Tensor, ...], change: Callable[[Tensor], Tensor]) -> Tensor | tuple[Tensor, ...]:
    return change(tensors) if isinstance(tensors, Tensor) else tuple(change(tensor) for tensor in tensors)
