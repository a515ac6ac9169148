"""Resizing maps in space."""

from torch import Tensor, nn
from torch.nn import functional as F

from kdtoolbox.connectors.misfit import misfit
from kdtoolbox.registry import MODELS


@MODELS.register_module()
class MatchSpace(nn.Module):
    """Resize maps in space, frame by frame: (N, C, T, H, W) -> ``(N, C, T, *size)``.

    Adaptive average pooling for a dimension that shrinks, so that every position counts; linear interpolation for one
    that grows.

    Args:
        size: (height, width), or one number for both.

    Raises:
        ValueError: the size is not positive, or the input is not a map.

    >>> import torch
    >>> MatchSpace(4)(torch.ones(2, 8, 3, 14, 2)).shape
    torch.Size([2, 8, 3, 4, 4])
    """

    def __init__(self, size: int | tuple[int, int]) -> None:
        super().__init__()
        self.size = (size, size) if isinstance(size, int) else tuple(size)
        if len(self.size) != 2 or min(self.size) < 1:
            raise ValueError(f'MatchSpace size {size!r}: expected one number or (height, width), 1 or more')

    def forward(self, x: Tensor) -> Tensor:
        if x.dim() != 5:
            raise misfit(self, x, 'maps (N, C, T, H, W); tokens become maps by TokensToMap')
        if x.shape[3:] == self.size:
            return x
        pooled = min(x.shape[3], self.size[0]), min(x.shape[4], self.size[1])
        frames = F.adaptive_avg_pool2d(x.flatten(1, 2), pooled)
        if pooled != self.size:
            frames = F.interpolate(frames, self.size, mode='bilinear', align_corners=False)
        return frames.unflatten(1, x.shape[1:3])
