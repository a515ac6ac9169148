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
    """Mean over space: (N, C, T, ...) -> (N, C, T); (N, C, T) is unchanged.

    Raises:
        ValueError: there is no dimension of time.

    >>> import torch
    >>> SpacePool()(torch.ones(2, 8, 4, 7, 7)).shape
    torch.Size([2, 8, 4])
    """

    def forward(self, x: Tensor) -> Tensor:
        if x.dim() < 3:
            raise ValueError(
                f'SpacePool got {tuple(x.shape)}, expected (N, C, T, H, W): vectors have no time, tap '
                'a module before the pooling'
            )
        return x.flatten(3).mean(3) if x.dim() > 3 else x


@MODELS.register_module()
class TimePool(nn.Module):
    """Mean over time: (N, C, T, ...) -> (N, C, ...).

    Raises:
        ValueError: there is no dimension of time.

    >>> import torch
    >>> TimePool()(torch.ones(2, 8, 4, 7, 7)).shape
    torch.Size([2, 8, 7, 7])
    """

    def forward(self, x: Tensor) -> Tensor:
        if x.dim() < 3:
            raise ValueError(
                f'TimePool got {tuple(x.shape)}, expected (N, C, T, ...): vectors have no time, drop the connector'
            )
        return x.mean(2)
