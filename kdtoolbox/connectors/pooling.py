"""Pooling maps to vectors."""

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
