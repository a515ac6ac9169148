"""From a teacher's grid of tokens to the student's, by position in the clip."""

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor, nn

from kdtoolbox.connectors.misfit import misfit
from kdtoolbox.registry import MODELS

FRAMES = ('first', 'mean', 'stack')


def match_grid(maps: Tensor, grid: Sequence[int], *, frames: str = 'first') -> Tensor:
    """Bring a map to another grid that covers the same clip.

    In time, r = T' / T steps of the map fall into one of the grid, or T / T' of the grid into one of the map, which are
    then alike: a step stands for its part of the clip, and between two frames there is no third that a teacher has
    seen. In space, the map is averaged over whole cells where these fit, else resampled bilinearly (antialiased).

    Args:
        maps: (N, C, T', H', W').
        grid: (T, H, W).
        frames: ``'first'`` takes the first of r steps, ``'mean'`` their mean, ``'stack'`` their channels one behind
            another, for which T' must not be below T.

    Returns:
        (N, C, T, H, W), for ``'stack'`` (N, r C, T, H, W).

    Raises:
        ValueError: neither of T' and T is a multiple of the other, or the two differ in the ratio of height to width.

    >>> import torch
    >>> match_grid(torch.zeros(2, 8, 16, 14, 14), (8, 7, 7), frames='stack').shape
    torch.Size([2, 16, 8, 7, 7])
    >>> match_grid(torch.arange(2.).view(1, 1, 2, 1, 1), (6, 1, 1)).flatten()
    tensor([0., 0., 0., 1., 1., 1.])
    """
    time, height, width = grid
    own = tuple(maps.shape[2:])
    fits = maps.dim() == 5 and (not own[0] % time or (not time % own[0] and frames != 'stack'))
    if not fits or own[1] * width != own[2] * height:
        few = ", for frames='stack' not fewer," if frames == 'stack' else ' or a divisor'
        raise ValueError(
            f"the teacher's grid {own} and the student's {tuple(grid)} (T, H, W) do not cover the clip alike: expected "
            f"time steps of the teacher that are a multiple{few} of the student's (view.frame_stride), and the same "
            'ratio of height to width'
        )
    if own[0] < time:
        maps = maps.repeat_interleave(time // own[0], dim=2)
    steps = maps.unflatten(2, (time, -1))
    if frames == 'first':
        maps = steps[:, :, :, 0]
    elif frames == 'mean':
        maps = steps.mean(3)
    else:
        maps = steps.movedim(3, 1).flatten(1, 2)
    if maps.shape[3:] == (height, width):
        return maps
    images = maps.transpose(1, 2).flatten(0, 1)
    if own[1] % height == 0 and own[2] % width == 0:
        images = F.adaptive_avg_pool2d(images, (height, width))
    else:
        images = F.interpolate(images, (height, width), mode='bilinear', antialias=True)
    return images.unflatten(0, (len(maps), time)).transpose(1, 2)


@MODELS.register_module()
class MatchGrid(nn.Module):
    """Bring the teacher's tokens, as a map, to the student's grid, see :func:`match_grid`.

    Args:
        grid: time steps, rows and columns of the student's tokens: (8, 14, 14) of 16 frames of 224² with tubelets
            of 2 x 16 x 16.
        frames: ``'first'``, ``'mean'`` or ``'stack'``.

    Raises:
        ValueError: an option is out of range.

    >>> import torch
    >>> MatchGrid((8, 7, 7), frames='mean')(torch.zeros(2, 768, 16, 14, 14)).shape
    torch.Size([2, 768, 8, 7, 7])
    """

    def __init__(self, grid: Sequence[int], *, frames: str = 'first') -> None:
        super().__init__()
        if len(grid) != 3 or min(grid) < 1:
            raise ValueError(f'MatchGrid grid {grid}: expected (T, H, W), 1 or more each')
        if frames not in FRAMES:
            raise ValueError(f'MatchGrid frames={frames!r}: expected one of {", ".join(map(repr, FRAMES))}')
        self.grid, self.frames = tuple(grid), frames

    def forward(self, x: Tensor) -> Tensor:
        if x.dim() != 5:
            raise misfit(self, x, 'a map (N, C, T, H, W): TokensToMap makes one')
        return match_grid(x, self.grid, frames=self.frames)


@MODELS.register_module()
class PatchTokens(nn.Module):
    """Tokens straight from a transformer, without class and register tokens and with channels first.

    (N, L, C) -> (N, C, L - num_prefix_tokens); with ``num_frames``, for a transformer that has the frames in the batch,
    (N T, L, C) -> (N, C, T (L - num_prefix_tokens)). Tokens that a teacher gave, (N, C, T, L), likewise become
    (N, C, T (L - num_prefix_tokens)). The layers of a Swin transformer give theirs on their grid, (N, T, H, W, C):
    (N, C, T H W).

    Args:
        num_prefix_tokens: class and register tokens before the patches; mmaction2's VisionTransformer has none.
        num_frames: T, if the frames are in the batch.

    Raises:
        ValueError: an option is out of range.

    >>> import torch
    >>> PatchTokens(num_prefix_tokens=1)(torch.zeros(2, 41, 192)).shape
    torch.Size([2, 192, 40])
    """

    def __init__(self, num_prefix_tokens: int = 0, *, num_frames: int = 1) -> None:
        super().__init__()
        if num_prefix_tokens < 0 or num_frames < 1:
            raise ValueError(
                f'PatchTokens num_prefix_tokens={num_prefix_tokens}, num_frames={num_frames}: expected 0 or more, and '
                '1 or more'
            )
        self.num_prefix_tokens, self.num_frames = num_prefix_tokens, num_frames

    def forward(self, x: Tensor) -> Tensor:
        if x.dim() == 4 and x.shape[3] > self.num_prefix_tokens:
            return x[..., self.num_prefix_tokens :].flatten(2)
        if x.dim() == 5 and not self.num_prefix_tokens:
            return x.flatten(1, 3).transpose(1, 2)
        if x.dim() != 3 or x.shape[1] <= self.num_prefix_tokens or len(x) % self.num_frames:
            raise ValueError(
                f'PatchTokens got {tuple(x.shape)}, expected tokens (N, L, C) with more than num_prefix_tokens='
                f'{self.num_prefix_tokens} of them, and N a multiple of num_frames={self.num_frames}: tap a block'
            )
        patches = x[:, self.num_prefix_tokens :].unflatten(0, (-1, self.num_frames))
        return patches.flatten(1, 2).transpose(1, 2)
