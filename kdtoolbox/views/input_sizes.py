"""Finding an input size that a network accepts, for error messages."""

import time
from collections.abc import Callable

import torch
from torch import nn

NOT_RUN = 'does not run on frames of'
MAX_SECONDS = 15
CANDIDATES = sorted({*range(16, 257, 16), 299, 336, 384, 448, 512})


@torch.no_grad()
def size_it_runs_on(run: Callable[[int], object], *, above: int) -> int | None:
    """The smallest size in pixels, larger than ``above``, for which ``run`` does not fail.

    None if there is none, or none was found in time: a large network that fails at its end takes long at each size.
    """
    end = time.monotonic() + MAX_SECONDS
    for size in CANDIDATES:
        if size > above and time.monotonic() < end:
            try:
                run(size)
            except Exception:  # a network may fail in any way on a size that it is not made for
                continue
            return size
    return None


def student_size(student: nn.Module, shown: torch.Tensor) -> int | None:
    """A size for the student's view with which the student runs.

    Args:
        shown: (N, clips, 3, T, H, W), or (N, T, 3, H, W) for a 2D one.
    """
    return size_it_runs_on(
        lambda size: student(shown.new_zeros(1, *shown.shape[1:-2], size, size), mode='tensor', stage='head'),
        above=max(shown.shape[-2:]),
    )


def teacher_size(teacher: nn.Module, shown: torch.Tensor) -> int | None:
    """A size for the teacher's view with which the teacher runs.

    Args:
        shown: (N, T', 3, H, W).
    """
    for above in (max(shown.shape[-2:]), 0):
        size = size_it_runs_on(lambda size: teacher(shown.new_zeros(1, *shown.shape[1:3], size, size)), above=above)
        if size is not None:
            return size
    return None


def wrong_size(error: Exception, *, who: str, view: str, shown: torch.Tensor, size: int | None) -> str:
    """The message for a network that fails on the input of its view.

    Args:
        who: the network, such as 'the student'.
        view: its key in the config.
        size: on which it runs.
    """
    advice = (
        f'it runs on {size}x{size}: set {view}.size={size}'
        if size
        else 'it runs on no other size either: look at its strides, its frames and its own config'
    )
    words = str(error).strip().splitlines()
    return (
        f'{who} {NOT_RUN} {shown.shape[-2]}x{shown.shape[-1]} '
        f'({type(error).__name__}: {words[0] if words else "no reason given"}); {advice}'
    )


def teacher_key(name: str) -> str:
    """The config key of a teacher."""
    return f'model.teacher.{name}' if name else 'model.teacher'
