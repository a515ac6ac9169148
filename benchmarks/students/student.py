"""The students of the study, on the maps that their frozen stem gives."""

from collections.abc import Mapping

from image_students import (
    IMAGE_CHANNELS,
    IMAGE_MODEL,
    NETWORKS,
    EachFrame,
    ImageStudent,
    freeze_statistics,
    loaded,
)
from pixel_students import OUT_CHANNELS, pixel_network
from row import Row
from torch import Tensor, nn

from kdtoolbox.registry import MODELS


class Student(nn.Module):
    """The 3D layers of :class:`ImageStem3D` and a linear classifier, on the maps of the stem; or a whole network."""

    def __init__(self, row: Row, num_classes: int, network: Mapping[str, Tensor]) -> None:
        super().__init__()
        if row.network in NETWORKS:
            self.top = ImageStudent(row, network)
            channels = self.top.channels
        elif row.network:
            self.top, channels = pixel_network(row.network), OUT_CHANNELS
        elif row.top == '2d':
            self.top, channels = RestOfImageNetwork(row, network), IMAGE_CHANNELS
        else:
            self.top, channels = MODELS.build(backbone_of(row)).top, row.top_channels[-1]
        self.classifier = nn.Linear(channels, num_classes)
        nn.init.normal_(self.classifier.weight, std=0.01)  # as I3DHead does
        nn.init.zeros_(self.classifier.bias)

    def with_image_weights(self) -> list[nn.Parameter]:
        """What learns from the weights of the image network on, with ``Row.image_rate`` of the learning rate."""
        return list(self.top.with_image_weights()) if isinstance(self.top, ImageStudent) else []

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
        blocks = loaded(network).features[int(row.last_layer.removeprefix('features.')) + 1 :]
        super().__init__(*(EachFrame(block) for block in blocks))

    def train(self, mode: bool = True) -> 'RestOfImageNetwork':
        super().train(mode)
        freeze_statistics(self)
        return self


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
