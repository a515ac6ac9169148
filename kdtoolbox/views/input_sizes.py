"""Which size a network runs on, where it does not run on the one it was given."""

from collections.abc import Callable

import torch
from torch import nn

NOT_RUN = 'does not run on frames of'
CANDIDATES = sorted({*range(16, 257, 16), 299, 336, 384, 448, 512})


@torch.no_grad()
def size_it_runs_on(run: Callable[[int], object], *, above: int) -> int | None:
    """The least height and width, in pixels, above the given that ``run`` does not fail with; None if it does with all."""
    for size in CANDIDATES:
        if size > above:
            try:
                run(size)
            except Exception:  # a network may fail in any way on a size that it is not made for
                continue
            return size
    return None


def student_size(student: nn.Module, shown: torch.Tensor) -> int | None:
    """A size for the student's view, if it fails with the one it has.

    Args:
        shown: (N, clips, 3, T, H, W), or (N, T, 3, H, W) for a 2D one.
    """
    return size_it_runs_on(
        lambda size: student(shown.new_zeros(1, *shown.shape[1:-2], size, size), mode='tensor', stage='head'),
        above=max(shown.shape[-2:]),
    )


def teacher_size(teacher: nn.Module, shown: torch.Tensor) -> int | None:
    """A size for a teacher's view, if it fails with the one it has.

    Args:
        shown: (N, T', 3, H, W).
    """
    for above in (max(shown.shape[-2:]), 0):
        size = size_it_runs_on(lambda size: teacher(shown.new_zeros(1, *shown.shape[1:3], size, size)), above=above)
        if size is not None:
            return size
    return None


def wrong_size(error: Exception, *, who: str, view: str, shown: torch.Tensor, size: int | None) -> str:
    """What to say of a network that does not run on what its view shows it.

    Args:
        who: it is, such as 'the student'.
        view: its key in the config.
        size: that it runs on.
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
    """Where the config of a teacher is."""
    return f'model.teacher.{name}' if name else 'model.teacher'
