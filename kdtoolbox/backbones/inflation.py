"""2D modules as 3D modules that compute the same of every frame, until they are trained."""

import torch
from torch import nn


def inflate(module: nn.Module, *, temporal_kernel: int = 3) -> nn.Module:
    """Replace all 2D layers in ``module`` by 3D layers, in place where it has layers inside.

    Convolutions with a spatial kernel get a temporal one whose middle slice holds the 2D weights and whose other slices
    are 0, so that the new network gives for every frame what the old one gave, and can learn to look at its neighbours
    (the "central" inflation of Carreira & Zisserman, CVPR 2017, and Girdhar et al., arXiv:1901.09244). Layers of 1 x 1
    stay 1 x 1 x 1. Strides in time are 1.

    Args:
        temporal_kernel: an odd number of frames.

    Raises:
        ValueError: the kernel is even, or there is a 2D layer that has no 3D counterpart here.
    """
    if temporal_kernel < 1 or temporal_kernel % 2 == 0:
        raise ValueError(f'temporal_kernel={temporal_kernel}: expected an odd number, so that there is a middle frame')
    inflated = _layer(module, temporal_kernel)
    for name, child in inflated.named_children():
        setattr(inflated, name, inflate(child, temporal_kernel=temporal_kernel))
    return inflated


def _layer(layer: nn.Module, temporal_kernel: int) -> nn.Module:
    if isinstance(layer, nn.Conv2d):
        return _convolution(layer, temporal_kernel)
    if type(layer) is nn.BatchNorm2d:  # one that is more, such as timm's with an activation in it, would lose that
        norm = nn.BatchNorm3d(layer.num_features, layer.eps, layer.momentum, layer.affine, layer.track_running_stats)
        norm.load_state_dict(layer.state_dict())
        return norm
    if isinstance(layer, nn.MaxPool2d):
        return nn.MaxPool3d(
            (1, *_pair(layer.kernel_size)),
            (1, *_pair(layer.stride)),
            (0, *_pair(layer.padding)),
            (1, *_pair(layer.dilation)),
            ceil_mode=layer.ceil_mode,
        )
    if isinstance(layer, nn.Dropout2d):
        return nn.Dropout3d(layer.p)
    if type(layer).__name__.endswith('2d') or isinstance(layer, nn.BatchNorm2d):
        raise ValueError(
            f'{type(layer).__name__} cannot be inflated: take an earlier last_layer, or a stem that is not'
        )
    return layer


def _convolution(layer: nn.Conv2d, temporal_kernel: int) -> nn.Conv3d:
    if isinstance(layer.padding, str) or layer.padding_mode != 'zeros':
        raise ValueError(
            f'a convolution with padding {layer.padding!r}, mode {layer.padding_mode!r}, cannot be inflated'
        )
    frames = temporal_kernel if max(layer.kernel_size) > 1 else 1
    inflated = nn.Conv3d(
        layer.in_channels,
        layer.out_channels,
        (frames, *_pair(layer.kernel_size)),
        (1, *_pair(layer.stride)),
        (frames // 2, *_pair(layer.padding)),
        (1, *_pair(layer.dilation)),
        layer.groups,
        layer.bias is not None,
    )
    with torch.no_grad():
        inflated.weight.zero_()
        inflated.weight[:, :, frames // 2] = layer.weight
        if layer.bias is not None and inflated.bias is not None:
            inflated.bias.copy_(layer.bias)
    return inflated


def _pair(value: int | tuple[int, ...]) -> tuple[int, int]:
    height, width = (value, value) if isinstance(value, int) else value
    return height, width
