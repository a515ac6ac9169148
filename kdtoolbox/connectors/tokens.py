"""Conversion between transformer tokens and maps."""

import math
from collections.abc import Sequence

from torch import Tensor, nn

from kdtoolbox.connectors.misfit import misfit
from kdtoolbox.registry import MODELS

MOST_PREFIX_TOKENS = 16
"""Of the image transformers that are known: a class token and registers."""


@MODELS.register_module()
class TokensToMap(nn.Module):
    """Reshape the patch tokens of a transformer to a map (N, C, T, H, W).

    Input is the output of a tap:

    - (N, C, T, L), of an image teacher: each frame's L = num_prefix_tokens + H W tokens;
    - (N, L, C), straight from a video transformer: L = num_prefix_tokens + T H W; or (N T, L, C), from one that has the
      frames in the batch: L = num_prefix_tokens + H W. Both need ``grid=(T, H, W)``.

    Args:
        num_prefix_tokens: class and register tokens before the patches, which are dropped: 1 for a ViT, 5 for a DINOv2
            with registers, 0 where the network pools its patches.
        grid: (H, W) or (T, H, W) of the patches; default for (N, C, T, L): a square.

    Raises:
        ValueError: the tokens do not fill the grid; the message says how many there are.

    >>> import torch
    >>> TokensToMap(num_prefix_tokens=1)(torch.zeros(2, 192, 8, 1 + 14 * 14)).shape
    torch.Size([2, 192, 8, 14, 14])
    >>> TokensToMap(num_prefix_tokens=0, grid=(8, 14, 14))(torch.zeros(2, 8 * 14 * 14, 192)).shape
    torch.Size([2, 192, 8, 14, 14])
    """

    def __init__(self, num_prefix_tokens: int, *, grid: Sequence[int] | None = None) -> None:
        super().__init__()
        if num_prefix_tokens < 0:
            raise ValueError(f'TokensToMap num_prefix_tokens {num_prefix_tokens}: expected 0 or more')
        if grid is not None and (len(grid) not in (2, 3) or min(grid) < 1):
            raise ValueError(f'TokensToMap grid {grid}: expected (H, W) or (T, H, W), 1 or more each')
        self.num_prefix_tokens = num_prefix_tokens
        self.grid = None if grid is None else tuple(grid)

    def forward(self, x: Tensor) -> Tensor:
        if x.dim() == 4:
            return self._of_frames(x)
        if x.dim() == 3:
            return self._of_video(x)
        raise misfit(self, x, 'tokens (N, C, T, L) of an image teacher, or (N, L, C)')

    def _of_frames(self, x: Tensor) -> Tensor:
        patches = x[..., self.num_prefix_tokens :]
        side = math.isqrt(patches.shape[-1])
        height, width = self.grid[-2:] if self.grid else (side, side)
        if height * width != patches.shape[-1] or not side or (self.grid and self.grid[:-2] not in ((), x.shape[2:3])):
            raise ValueError(self._misfit(x, patches.shape[-1]))
        return patches.unflatten(-1, (height, width))

    def _of_video(self, x: Tensor) -> Tensor:
        patches = x[:, self.num_prefix_tokens :]
        count = patches.shape[1]
        if self.grid is None or len(self.grid) != 3:
            raise ValueError(
                f'TokensToMap got {tuple(x.shape)}: to know their frames from their places, tokens (N, L, '
                'C) need grid=(T, H, W)'
            )
        frames, height, width = self.grid
        if count == math.prod(self.grid):
            return patches.transpose(1, 2).unflatten(2, self.grid)
        if count == height * width and len(x) % frames == 0:
            return patches.transpose(1, 2).unflatten(2, (height, width)).unflatten(0, (-1, frames)).transpose(1, 2)
        raise ValueError(self._misfit(x, count))

    def _misfit(self, x: Tensor, count: int) -> str:
        total = count + self.num_prefix_tokens
        per_step = math.prod(self.grid[-2:]) if self.grid else max(1, math.isqrt(total)) ** 2
        spare = total - per_step  # what is before the patches, if these are as many as the grid has or the next square
        grid = f'the grid {self.grid}' if self.grid else 'a square'
        fix = 'set grid=(H, W)' if not self.grid else 'set another grid'
        if x.dim() == 4 and 0 <= spare <= MOST_PREFIX_TOKENS and spare != self.num_prefix_tokens:
            fix = f'set num_prefix_tokens={spare}, or {fix[4:]}'
        return (
            f'TokensToMap got {tuple(x.shape)}: the {count} tokens after '
            f'num_prefix_tokens={self.num_prefix_tokens} do not fill {grid}: {fix}'
        )


@MODELS.register_module()
class MapToTokens(nn.Module):
    """Flatten the positions of a map to tokens, row by row: (N, C, T, H, W) -> (N, C, T, H W).

    Raises:
        ValueError: the input is not a map.

    >>> import torch
    >>> MapToTokens()(torch.zeros(2, 192, 8, 14, 14)).shape
    torch.Size([2, 192, 8, 196])
    """

    def forward(self, x: Tensor) -> Tensor:
        if x.dim() != 5:
            raise misfit(self, x, 'maps (N, C, T, H, W)')
        return x.flatten(3)


@MODELS.register_module()
class ClassToken(nn.Module):
    """A class token of a transformer, for losses of vectors and of sequences of frames.

    (N, L, C) of a block of the student -> (N, C); (N, C, T, L) of a tap of an image teacher -> (N, C, T), one of each
    frame, which GlobalPool makes (N, C).

    Args:
        index: its place; 0 but for students with a summary token for each teacher, see SummaryVisionTransformer.

    Raises:
        ValueError: the input is not tokens, or has fewer.

    >>> import torch
    >>> ClassToken()(torch.zeros(2, 197, 192)).shape, ClassToken()(torch.zeros(2, 192, 8, 197)).shape
    (torch.Size([2, 192]), torch.Size([2, 192, 8]))
    """

    def __init__(self, index: int = 0) -> None:
        super().__init__()
        if index < 0:
            raise ValueError(f'ClassToken index={index}: expected 0 or more')
        self.index = index

    def forward(self, x: Tensor) -> Tensor:
        if x.dim() not in (3, 4) or x.shape[1 if x.dim() == 3 else 3] <= self.index:
            fix = 'tap a block of a transformer'
            raise misfit(
                self, x, f'tokens (N, L, C) of a student or (N, C, T, L) of a teacher, {self.index + 1} or more: {fix}'
            )
        return x[:, self.index] if x.dim() == 3 else x[..., self.index]
