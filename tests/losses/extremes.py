"""Inputs of zeros, ones and large numbers, on which losses have to stay finite."""


def check_extremes(loss, student, teacher, fill, *, largest: float) -> None:
    """Check that value and gradient are finite, and the gradient below ``largest``, for a student changed by ``fill``.

    The teacher is taken as it is, and changed in the same way.
    """
    for target in (teacher, fill(teacher)):
        got = fill(student.detach()).requires_grad_()
        value = loss(got, target)
        value.backward()
        assert value.isfinite() and got.grad.isfinite().all() and got.grad.abs().max() < largest
