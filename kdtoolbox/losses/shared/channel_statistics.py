"""Statistics of channels over the batch: batch norm, and the least number of elements that it needs."""

from torch import Tensor, nn

from kdtoolbox.method_card import MIN_ELEMENTS


def require_elements(features: Tensor) -> None:
    """Check that channels have enough elements for statistics.

    Args:
        features: (N, C, ...).

    Raises:
        ValueError: over clips, time and space there are fewer than :data:`MIN_ELEMENTS`.
    """
    num_elements = features.shape[0] * features.shape[2:].numel()
    if num_elements < MIN_ELEMENTS:
        raise ValueError(
            f'got {tuple(features.shape)}, {num_elements} elements a channel, but this loss takes '
            f'statistics over {MIN_ELEMENTS} or more, of the clips of one process: set batch_size to '
            f'{MIN_ELEMENTS} or more and drop_last=True in the training dataloader, or tap maps'
        )


def conv_norm(in_channels: int, out_channels: int, *, kernel_size: int) -> list[nn.Module]:
    """A convolution with padding and without bias, followed by batch norm."""
    return [
        nn.Conv3d(in_channels, out_channels, kernel_size, padding=kernel_size // 2, bias=False),
        nn.BatchNorm3d(out_channels),
    ]
