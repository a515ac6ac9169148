"""Pooling of maps over space, time or both."""

from torch import Tensor, nn

from kdtoolbox.registry import MODELS


@MODELS.register_module()
class GlobalPool(nn.Module):
    """Mean over time and space: (N, C, ...) -> (N, C).

    >>> import torch
    >>> GlobalPool()(torch.ones(2, 8, 4, 7, 7)).shape
    torch.Size([2, 8])
    """

    def forward(self, x: Tensor) -> Tensor:
        return x.flatten(2).mean(2) if x.dim() > 2 else x


@MODELS.register_module()
class SpacePool(nn.Module):
    """Mean over space: (N, C, T, ...) -> (N, C, T); (N, C, T) is unchanged. Vectors (N, C) are refused.

    >>> import torch
    >>> SpacePool()(torch.ones(2, 8, 4, 7, 7)).shape
    torch.Size([2, 8, 4])
    """

    def forward(self, x: Tensor) -> Tensor:
        _require_time(
            x, 'SpacePool got {}, expected (N, C, T, H, W): vectors have no time, tap a module before the pooling'
        )
        return x.flatten(3).mean(3) if x.dim() > 3 else x


@MODELS.register_module()
class TimePool(nn.Module):
    """Mean over time: (N, C, T, ...) -> (N, C, ...). Vectors (N, C) are refused.

    >>> import torch
    >>> TimePool()(torch.ones(2, 8, 4, 7, 7)).shape
    torch.Size([2, 8, 7, 7])
    """

    def forward(self, x: Tensor) -> Tensor:
        _require_time(x, 'TimePool got {}, expected (N, C, T, ...): vectors have no time, drop the connector')
        return x.mean(2)


def _require_time(x: Tensor, message: str) -> None:
    if x.dim() < 3:
        raise ValueError(message.format(tuple(x.shape)))
