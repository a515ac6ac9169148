"""The students of the study, on the maps that their frozen stem gives."""

from collections.abc import Mapping

from pixel_students import OUT_CHANNELS, pixel_network
from row import Row
from torch import Tensor, nn

from kdtoolbox.registry import MODELS
from kdtoolbox.teachers.image_teacher import build_image_model

IMAGE_MODEL, IMAGE_CHANNELS = 'torchvision.mobilenet_v2', 1280  # and its features


class Student(nn.Module):
    """The 3D layers of :class:`ImageStem3D` and a linear classifier, on the maps of the stem; or a whole network."""

    def __init__(self, row: Row, num_classes: int, network: Mapping[str, Tensor]) -> None:
        super().__init__()
        if row.network:
            self.top, channels = pixel_network(row.network), OUT_CHANNELS
        elif row.top == '2d':
            self.top, channels = RestOfImageNetwork(row, network), IMAGE_CHANNELS
        else:
            self.top, channels = MODELS.build(backbone_of(row)).top, row.top_channels[-1]
        self.classifier = nn.Linear(channels, num_classes)
        nn.init.normal_(self.classifier.weight, std=0.01)  # as I3DHead does
        nn.init.zeros_(self.classifier.bias)

    def forward(self, maps: Tensor) -> dict[str, Tensor]:
        """Maps, or pixels 0-255, (N, C, T, h, w) -> tap -> tensor."""
        outputs = {}
        for number, layer in enumerate(self.top):
            outputs[f'backbone.top.{number}'] = maps = layer(maps)
        features = maps.mean((2, 3, 4))
        return {'features': features, 'logits': self.classifier(features), **outputs}


class RestOfImageNetwork(nn.Sequential):
    """The blocks above the stem as they are in the image network, frame by frame: what one would do first.

    Its batch statistics stay those of its weights, since a batch is few clips.
    """

    def __init__(self, row: Row, network: Mapping[str, Tensor]) -> None:
        whole = build_image_model(IMAGE_MODEL)
        whole.load_state_dict(network)
        blocks = whole.features[int(row.last_layer.removeprefix('features.')) + 1 :]
        super().__init__(*(_EachFrame(block) for block in blocks))

    def train(self, mode: bool = True) -> 'RestOfImageNetwork':
        super().train(mode)
        for module in self.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.eval()
        return self


class _EachFrame(nn.Module):
    def __init__(self, block: nn.Module) -> None:
        super().__init__()
        self.block = block

    def forward(self, maps: Tensor) -> Tensor:
        """(N, C, T, h, w) -> (N, C', T, h', w')."""
        frames = self.block(maps.transpose(1, 2).flatten(0, 1))
        return frames.unflatten(0, (len(maps), -1)).transpose(1, 2)


def backbone_of(row: Row, **more) -> dict:
    """The config of the row's backbone."""
    return dict(
        type='ImageStem3D',
        image_model=IMAGE_MODEL,
        last_layer=row.last_layer,
        top=row.top,
        top_channels=row.top_channels,
        temporal_strides=(1, 2, 2),
        **more,
    )
