"""The positions of the tokens of a video transformer in the clip, whichever library it is of."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from mmaction.models import TimeSformer
from torch import Tensor, nn

from kdtoolbox.hidden_tokens import patch_size
from kdtoolbox.host_reads import on_host, to_device

Grid = tuple[int, int, int]


@dataclass(frozen=True)
class TokenLayout:
    """The order of the tokens of a video transformer.

    Args:
        tubelet: frames, height and width that a token covers.
        num_prefix_tokens: class tokens before the others.
        places_first: all time steps of one place, then those of the next, as in TimeSformer; else all places of a step.
    """

    tubelet: Grid
    num_prefix_tokens: int = 0
    places_first: bool = False

    def grid(self, frames: Sequence[int]) -> Grid:
        """Time steps, rows and columns of the tokens of frames (T, H, W)."""
        time, height, width = (side // part for side, part in zip(frames, self.tubelet))
        return time, height, width

    def to_steps(self, output: Tensor, grid: Grid) -> Tensor:
        """Tokens (N, L, C) as (N, C, T, H W) without class token; other outputs as they are.

        >>> import torch
        >>> TokenLayout((2, 16, 16), num_prefix_tokens=1).to_steps(torch.zeros(2, 1 + 8 * 4, 6), (8, 2, 2)).shape
        torch.Size([2, 6, 8, 4])
        """
        if output.dim() != 3 or output.shape[1] != self.num_prefix_tokens + math.prod(grid):
            return output
        patches = output[:, self.num_prefix_tokens :]
        if self.places_first:
            patches = patches.unflatten(1, (-1, grid[0])).transpose(1, 2).flatten(1, 2)
        return patches.unflatten(1, (grid[0], -1)).permute(0, 3, 1, 2)


def in_place(output: Tensor, hidden: Tensor) -> Tensor:
    """Tokens of the visible positions (N, V, C) at their places among all, (N, L, C), with 0 elsewhere.

    Other outputs are as they are.

    Args:
        output: of a module.
        hidden: (N, L), with L - V True in each row.

    >>> import torch
    >>> in_place(torch.ones(1, 1, 2), torch.tensor([[True, False]]))
    tensor([[[0., 0.],
             [1., 1.]]])
    """
    visible = ~on_host(hidden)
    if output.dim() != 3 or output.shape[1] != int(visible[0].sum()):
        return output
    places = to_device(visible.nonzero()[:, 1].view(len(output), -1, 1), output.device)
    whole = output.new_zeros(*hidden.shape, output.shape[2])
    return whole.scatter(1, places.expand_as(output), output)


def check_grid(hidden: Tensor, grid: Grid, *, teacher: str) -> None:
    """Check that hidden tokens of the student's grid are of the teacher's too.

    Raises:
        ValueError: their numbers differ.
    """
    if hidden.shape[1] != math.prod(grid):
        raise ValueError(
            f'teacher_keep: the {teacher} has a grid of {grid} tokens, the student {hidden.shape[1]}: they must be the '
            'same, by view.size, view.frame_stride and tubelets, or drop teacher_keep'
        )


def layout_of_recognizer(recognizer: nn.Module) -> TokenLayout | None:
    """The layout of a 3D recognizer of mmaction2; None if its backbone does not embed patches by a convolution."""
    backbone = getattr(recognizer, 'backbone', None)
    if not isinstance(backbone, nn.Module) or not isinstance(getattr(backbone, 'patch_embed', None), nn.Module):
        return None
    try:
        tubelet = patch_size(backbone)
    except ValueError:
        return None
    of_frames = isinstance(backbone, TimeSformer)
    class_tokens = getattr(backbone, 'cls_token', None)  # (1, how many, C)
    num_prefix_tokens = class_tokens.shape[1] if isinstance(class_tokens, Tensor) else 0
    return TokenLayout(tubelet, num_prefix_tokens=num_prefix_tokens, places_first=of_frames)
