"""Students that begin with the weights of the image network and learn from pixels: a learning stem, TSM, inflation."""

from collections.abc import Iterator, Mapping

from decoding import STUDENT_PIXELS
from mmaction.models.backbones.resnet_tsm import TemporalShift
from pixel_students import Rendered
from row import Row
from torch import Tensor, nn
from torchvision.models.mobilenetv2 import InvertedResidual

from kdtoolbox.backbones.image_stem import ImageStem3D
from kdtoolbox.backbones.inflation import inflate
from kdtoolbox.teachers.image_teacher import build_image_model

IMAGE_MODEL, IMAGE_CHANNELS = 'torchvision.mobilenet_v2', 1280  # and its features
NUM_FRAMES = 8
STEMS = {  # under 3D layers
    'stem_trained': dict(stem='trained'),
    'stem_inflated': dict(stem='inflated', norm_eval=False),
    'stem_inflated_statistics_kept': dict(stem='inflated', norm_eval=True),
}
WHOLE = 'tsm', 'inflated'
NETWORKS = (*STEMS, *WHOLE)
STEM_LAYER = 'features.13'  # as in the rows whose stem is frozen


class ImageStudent(nn.Sequential):
    """(N, 3, T, 112, 112), 0-255 -> maps (N, C, T', h, w).

    Whole networks keep the batch statistics of their weights, since a batch is few clips; stems do as
    :class:`ImageStem3D` says.
    """

    def __init__(self, row: Row, weights: Mapping[str, Tensor]) -> None:
        image_network = loaded(weights)
        if row.network in STEMS:
            network = ImageStem3D(
                image_network,
                last_layer=STEM_LAYER,
                top=row.top,
                top_channels=row.top_channels,
                temporal_strides=(1, 2, 2),
                **STEMS[row.network],
            )
            self.channels = row.top_channels[-1]
        else:
            network = _shifted(image_network) if row.network == 'tsm' else inflate(image_network.features)
            self.channels = IMAGE_CHANNELS
        super().__init__(Rendered(STUDENT_PIXELS), network)
        self.is_whole = row.network in WHOLE

    def with_image_weights(self) -> Iterator[nn.Parameter]:
        """What was trained on images before."""
        network = self[1]
        return network.parameters() if self.is_whole else network.stem.parameters()

    def train(self, mode: bool = True) -> 'ImageStudent':
        super().train(mode)
        if self.is_whole:
            freeze_statistics(self)
        return self


def loaded(weights: Mapping[str, Tensor]) -> nn.Module:
    """The image network with these weights."""
    network = build_image_model(IMAGE_MODEL)
    network.load_state_dict(weights)
    return network


def freeze_statistics(network: nn.Module) -> None:
    """All batch norms in evaluation mode."""
    for module in network.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.eval()


def _shifted(network: nn.Module) -> nn.Sequential:
    """With an eighth of the channels shifted to either side in time before each residual block, where mmaction2's
    MobileNetV2TSM has it (Lin et al., TSM, ICCV 2019).
    """
    for block in network.features:
        if isinstance(block, InvertedResidual) and len(block.conv) == 4 and block.use_res_connect:
            block.conv[0] = TemporalShift(block.conv[0], num_segments=NUM_FRAMES, shift_div=8)
    return nn.Sequential(*(EachFrame(block) for block in network.features))


class EachFrame(nn.Module):
    """A 2D layer on every frame."""

    def __init__(self, block: nn.Module) -> None:
        super().__init__()
        self.block = block

    def forward(self, maps: Tensor) -> Tensor:
        """(N, C, T, h, w) -> (N, C', T, h', w')."""
        frames = self.block(maps.transpose(1, 2).flatten(0, 1))
        return frames.unflatten(0, (len(maps), -1)).transpose(1, 2)
