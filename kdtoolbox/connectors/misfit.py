"""The error of a connector that gets what it cannot take."""

from torch import Tensor, nn


def misfit(connector: nn.Module, x: Tensor, expected: str) -> ValueError:
    """The error: the connector, the shape that it got, what it expected and the fix.

    >>> import torch
    >>> print(misfit(nn.ReLU(), torch.zeros(2, 3), 'vectors (N, 4): pool maps first (GlobalPool)'))
    ReLU got (2, 3), expected vectors (N, 4): pool maps first (GlobalPool)
    """
    return ValueError(f'{type(connector).__name__} got {tuple(x.shape)}, expected {expected}')
