"""Losses in float32 or float64, under autocast too."""

from collections.abc import Callable
from functools import wraps

import torch
from torch import Tensor, nn

from kdtoolbox.losses.shared.input_checks import require_equal_shapes


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
