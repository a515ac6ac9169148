"""Small 3D networks that begin with pixels and random weights: R3D, R(2+1)D and C3D."""

import torch.nn.functional as F
from decoding import STUDENT_PIXELS
from mmcv.cnn import ConvModule
from torch import Tensor, nn

from kdtoolbox.registry import MODELS
from kdtoolbox.views import IMAGENET_MEAN, IMAGENET_STD, View

PIXELS = 56  # a side, as in benchmarks/real_video_config.py
CHANNELS = 16  # of the first stage; eight times as many at the end
RESNET = dict(
    depth=18,
    pretrained=None,
    pretrained2d=False,
    base_channels=CHANNELS,
    conv1_kernel=(3, 7, 7),
    inflate_style='3x3x3',
    temporal_strides=(1, 2, 2, 2),
    zero_init_residual=False,
)
NETWORKS = {
    'r3d': dict(type='ResNet3d', with_pool2=False, **RESNET),
    'r2plus1d': dict(
        type='ResNet2Plus1d',
        conv_cfg=dict(type='Conv2plus1d'),
        norm_cfg=dict(type='BN3d'),
        inflate=(1, 1, 1, 1),
        spatial_strides=(1, 2, 2, 2),
        with_pool2=False,
        **RESNET,
    ),
    'c3d': None,  # mmaction2's has 64 to 512 channels, which cannot be changed
}
# C3D's eight convolutions, a quarter as wide; a number is a convolution's channels, a tuple a pooling's stride.
C3D = (16, (1, 2, 2), 32, (2, 2, 2), 64, 64, (2, 2, 2), 128, 128, (2, 2, 2), 128, 128)
OUT_CHANNELS = 8 * CHANNELS


def pixel_network(name: str) -> nn.Sequential:
    """(N, 3, T, H, W), 0-255 -> maps (N, 128, T', h, w)."""
    network = MODELS.build(dict(NETWORKS[name])) if NETWORKS[name] else _c3d()
    if hasattr(network, 'init_weights'):
        network.init_weights()
    return nn.Sequential(Rendered(PIXELS), network)


class Rendered(nn.Module):
    """Stored pixels at a network's size, with ImageNet's mean and deviation."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.stride = STUDENT_PIXELS // size
        self.view = View(size=size, mean=IMAGENET_MEAN, std=IMAGENET_STD)

    def forward(self, clips: Tensor) -> Tensor:
        return self.view.render(F.avg_pool3d(clips, (1, self.stride, self.stride)))


def _c3d() -> nn.Sequential:
    layers, channels = [], 3
    for entry in C3D:
        if isinstance(entry, tuple):
            layers.append(nn.MaxPool3d(entry))
        else:
            norm, conv = dict(type='BN3d'), dict(type='Conv3d')
            layers.append(ConvModule(channels, entry, 3, padding=1, conv_cfg=conv, norm_cfg=norm))
            channels = entry
    return nn.Sequential(*layers)
