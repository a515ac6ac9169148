"""Running an image network on the frames of clips, and the layout of its outputs."""

from collections.abc import Callable

import torch
from torch import Tensor


def frame_by_frame(
    run_images: Callable[[Tensor], dict[str, Tensor]], frames: Tensor, *, chunk_size: int
) -> dict[str, Tensor]:
    """Run all frames of a batch of clips, ``chunk_size`` of them at a time.

    Args:
        run_images: images (B, 3, H, W) -> name -> output (B, ...).
        frames: (N, T', 3, H, W).

    Returns:
        name -> (N, T', ...).

    >>> clips = torch.rand(2, 5, 3, 4, 4)
    >>> frame_by_frame(lambda images: {'colour': images.mean((2, 3))}, clips, chunk_size=3)['colour'].shape
    torch.Size([2, 5, 3])
    """
    chunks = [run_images(images) for images in frames.flatten(0, 1).split(chunk_size)]
    return {name: torch.cat([chunk[name] for chunk in chunks]).unflatten(0, frames.shape[:2]) for name in chunks[0]}


def clip_layout(answers: Tensor) -> Tensor:
    """Move channels before frames, as in the outputs of all teachers.

    Args:
        answers: vectors (N, T', C), maps (N, T', C, H, W), or the tokens of a transformer (N, T', L, C).

    Returns:
        (N, C, T'), (N, C, T', H, W) or (N, C, T', L); other shapes are unchanged.

    >>> clip_layout(torch.zeros(2, 5, 197, 64)).shape
    torch.Size([2, 64, 5, 197])
    """
    if answers.dim() in (3, 5):
        return answers.movedim(1, 2)
    return answers.movedim(3, 1) if answers.dim() == 4 else answers
