"""The layout of a network's convolution weights in memory."""

import torch
from torch import nn


def channels_last(network: nn.Module) -> None:
    """Have the convolutions of a network compute with channels last, which tensor cores need no transposing for.

    The layout of the weights is enough: a convolution gives its output in the layout of its weight, and what follows
    keeps it. Shapes, numbers and checkpoints stay as they are.

    >>> layer = nn.Conv3d(2, 4, 3)
    >>> channels_last(layer)
    >>> layer.weight.is_contiguous(memory_format=torch.channels_last_3d)
    True
    """
    for module in network.modules():
        if isinstance(module, nn.Conv3d):
            module.to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload]  # torch types it without
        elif isinstance(module, nn.Conv2d):
            module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
