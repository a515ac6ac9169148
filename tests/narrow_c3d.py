"""C3D with fewer channels, for which mmaction2 has no option."""

from mmcv.cnn import ConvModule


def narrow_convolution(in_channels: int, out_channels: int, **options) -> ConvModule:
    """C3D has no option for its channels, and those of its checkpoints are hundreds of MB: a sixteenth of them."""
    return ConvModule(in_channels if in_channels == 3 else in_channels // 16, out_channels // 16, **options)
