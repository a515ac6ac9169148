"""Learned linear projections of the channels."""

from torch import Tensor, nn

from kdtoolbox.connectors.misfit import misfit
from kdtoolbox.registry import MODELS


@MODELS.register_module()
class LinearProjection(nn.Module):
    """A linear layer on vectors: (N, in_channels) -> (N, out_channels).

    On ``'features'``, with the teacher's number of classes as ``out_channels``, it is a distillation head: it predicts
    the teacher's classes, while the student's own head predicts those of the data set.

    Raises:
        ValueError: the input is not (N, in_channels).
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.linear = nn.Linear(in_channels, out_channels)

    def forward(self, x: Tensor) -> Tensor:
        if x.dim() != 2 or x.shape[1] != self.linear.in_features:
            fix = f'set in_channels={x.shape[1]}, and pool maps first (GlobalPool)'
            raise misfit(self, x, f'(N, {self.linear.in_features}): {fix}')
        return self.linear(x)


@MODELS.register_module()
class MapProjection(nn.Module):
    """A 1x1x1 convolution: (N, in_channels, T, H, W) -> (N, out_channels, T, H, W).

    Raises:
        ValueError: the input has another number of channels or of dimensions.
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv3d(in_channels, out_channels, kernel_size=1)

    def forward(self, x: Tensor) -> Tensor:
        if x.dim() != 5 or x.shape[1] != self.conv.in_channels:
            fix = f'set in_channels={x.shape[1]}, or use LinearProjection for vectors'
            raise misfit(self, x, f'(N, {self.conv.in_channels}, T, H, W): {fix}')
        return self.conv(x)
