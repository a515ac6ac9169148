"""A small video backbone whose first layers are those of an image network."""

import copy
from collections.abc import Mapping, Sequence
from typing import Literal

import torch
from mmengine.model import BaseModule
from torch import Tensor, nn
from torchvision.models.feature_extraction import create_feature_extractor

from kdtoolbox.arguments import did_you_mean
from kdtoolbox.backbones.inflation import inflate
from kdtoolbox.registry import MODELS
from kdtoolbox.teachers.image_teacher import PRETRAINED, build_image_model, torchvision_name
from kdtoolbox.teachers.weights import load_weights

_PROBE_SIZE = 64  # of the picture that tells the stem's channels; every image network takes it


@MODELS.register_module()
class ImageStem3D(BaseModule):
    """The first layers of an image network, frame by frame, and 3D convolutions on their maps.

    What small video networks lack on few videos are good low layers; those of an image network are at hand, and the 3D
    layers above learn from the start what they need. A student with the teacher's own first layers learns from fewer
    clips than one from random weights.

    Args:
        image_model: as ``model`` of :class:`ImageTeacher`: ``'torchvision.mobilenet_v2'``, ``'timm.…'``, a config.
        last_layer: path of the module in it whose maps (B, C, h, w) the 3D layers get, such as ``'features.6'``.
        weights: of the whole image network: a name of torchvision, a file or a URL, for timm also ``'pretrained'``;
            None leaves random ones.
        stem: ``'frozen'``: never trained, in evaluation mode; ``'trained'``: trained
            (``optim_wrapper.paramwise_cfg.custom_keys`` can give ``'backbone.stem'`` a smaller rate); ``'inflated'``:
            trained as 3D layers that begin as the 2D ones, see :func:`inflate`.
        norm_eval: a stem that is trained keeps the batch statistics of its weights, as is better with few clips in a
            batch.
        top: kind of the 3D layers: ``'3d'``, ``'2plus1d'`` (space, then time) or ``'depthwise'``.
        top_channels: of each 3D layer; a layer halves height and width.
        temporal_strides: of each 3D layer.
        num_classes: of the weights, where it is not the number that the image network usually has.

    Raises:
        ValueError: an option is none of these, there is no such layer, or it gives no maps.
    """

    def __init__(
        self,
        image_model: str | Mapping | nn.Module,
        *,
        last_layer: str,
        weights: str | None = None,
        stem: Literal['frozen', 'trained', 'inflated'] = 'frozen',
        norm_eval: bool = True,
        top: Literal['3d', '2plus1d', 'depthwise'] = '3d',
        top_channels: Sequence[int] = (64, 128, 256),
        temporal_strides: Sequence[int] = (1, 2, 2),
        num_classes: int | None = None,
        init_cfg: Mapping | None = None,
    ) -> None:
        super().__init__(init_cfg)
        if stem not in ('frozen', 'trained', 'inflated'):
            raise ValueError(f"ImageStem3D(stem={stem!r}): expected 'frozen', 'trained' or 'inflated'")
        if top not in _TOPS:
            raise ValueError(f'ImageStem3D(top={top!r}): expected one of {", ".join(map(repr, _TOPS))}')
        if not top_channels or len(top_channels) != len(temporal_strides):
            raise ValueError(
                f'ImageStem3D: {len(top_channels)} top_channels and {len(temporal_strides)} temporal_strides, expected '
                'one of each for every 3D layer'
            )
        self.stem_mode = stem
        self.norm_eval = norm_eval
        self.stem, channels = _first_layers(image_model, last_layer, weights, num_classes)
        if stem == 'inflated':
            self.stem = _inflated(self.stem, last_layer)
        self.stem.requires_grad_(stem != 'frozen')
        widths = [channels, *top_channels]
        self.top = nn.Sequential(
            *(_TOPS[top](widths[layer], widths[layer + 1], stride) for layer, stride in enumerate(temporal_strides))
        )

    def train(self, mode: bool = True) -> 'ImageStem3D':
        """As of any module, but a frozen stem stays in evaluation mode, and with ``norm_eval`` its batch norms."""
        super().train(mode)
        if self.stem_mode == 'frozen':
            self.stem.eval()
        elif self.norm_eval:
            for module in self.stem.modules():
                if isinstance(module, nn.modules.batchnorm._BatchNorm):
                    module.eval()
        return self

    def __deepcopy__(self, memo: dict) -> 'ImageStem3D':
        """In the training mode of each part: the copy of a graph of torch.fx is in training, whatever it was."""
        twin = type(self).__new__(type(self))
        memo[id(self)] = twin
        twin.__dict__.update(copy.deepcopy(self.__dict__, memo))
        for mine, its in zip(self.modules(), twin.modules(), strict=True):
            its.training = mine.training
        return twin

    def forward(self, clips: Tensor) -> Tensor:
        """(N, 3, T, H, W) -> (N, C, T', H', W')."""
        if self.stem_mode == 'inflated':
            return self.top(self.stem(clips)['maps'])
        frames = clips.transpose(1, 2).flatten(0, 1)
        if self.stem_mode == 'frozen' and torch.is_grad_enabled():
            with torch.no_grad():
                maps = self.stem(frames)['maps']
        else:  # without a change of the gradient's mode, which torch.export cannot write down
            maps = self.stem(frames)['maps']
        # By the number of frames, which is the same for all clips: of clips there may be any number in an exported one.
        return self.top(maps.unflatten(0, (-1, clips.shape[2])).transpose(1, 2).contiguous())


def _first_layers(
    image_model: str | Mapping | nn.Module, last_layer: str, weights: str | None, num_classes: int | None
) -> tuple[nn.Module, int]:
    """The network up to and with a layer, which it gives as ``maps``, and the number of their channels."""
    is_timms = weights == PRETRAINED and isinstance(image_model, str) and image_model.startswith('timm.')
    network = build_image_model(image_model, num_classes=num_classes, pretrained=is_timms)
    if weights is not None and not is_timms:
        load_weights(network, weights, model_name=torchvision_name(image_model))
    known = [path for path, _ in network.named_modules() if path]
    if last_layer not in known:
        raise ValueError(
            f'ImageStem3D: {type(network).__name__} has no layer {last_layer!r}: {did_you_mean(last_layer, known)}'
        )
    stem = cut_after(network, last_layer)
    was_training = stem.training
    with torch.no_grad():
        maps = stem.eval()(torch.zeros(1, 3, _PROBE_SIZE, _PROBE_SIZE))['maps']
    if maps.dim() != 4:
        raise ValueError(f'ImageStem3D: the layer {last_layer!r} gives {tuple(maps.shape)}, expected maps (B, C, h, w)')
    return stem.train(was_training), maps.shape[1]


@torch.no_grad()
def _inflated(stem: nn.Module, last_layer: str) -> nn.Module:
    """The stem in 3D, which is tried: what is written for four dimensions may run on five and mean something else."""
    was_training = stem.training
    frames = torch.rand(2, 3, _PROBE_SIZE, _PROBE_SIZE, generator=torch.Generator().manual_seed(0))
    expected = stem.eval()(frames)['maps'].transpose(0, 1).unsqueeze(0)
    try:
        inflated = inflate(stem).eval()
        maps = inflated(frames.transpose(0, 1).unsqueeze(0))['maps']
        near = 1e-3 * expected.abs().max().item()
        is_same = maps.shape == expected.shape and torch.allclose(maps, expected, rtol=1e-2, atol=near)
    except RuntimeError:
        is_same = False
    if not is_same:
        raise ValueError(
            f'ImageStem3D: the layers up to {last_layer!r} do not compute the same when they are inflated: they are '
            "written for single images. Take an earlier last_layer, or stem='frozen' or 'trained'"
        )
    return inflated.train(was_training)


def cut_after(network: nn.Module, path: str) -> nn.Module:
    """The network up to and with a module, whose output it gives as ``maps``; by torch.fx."""
    options: dict = {}
    if type(network).__module__.startswith('timm.'):
        from timm.models._features_fx import get_notrace_functions, get_notrace_modules  # as timm itself cuts them

        options = {'leaf_modules': get_notrace_modules(), 'autowrap_functions': get_notrace_functions()}
    return create_feature_extractor(network, {path: 'maps'}, tracer_kwargs=options)


def _norm_relu(channels: int) -> list[nn.Module]:
    return [nn.BatchNorm3d(channels), nn.ReLU(inplace=True)]


def _plain(channels: int, width: int, stride: int) -> nn.Module:
    return nn.Sequential(nn.Conv3d(channels, width, 3, (stride, 2, 2), 1, bias=False), *_norm_relu(width))


def _factorised(channels: int, width: int, stride: int) -> nn.Module:
    return nn.Sequential(
        nn.Conv3d(channels, width, (1, 3, 3), (1, 2, 2), (0, 1, 1), bias=False),
        *_norm_relu(width),
        nn.Conv3d(width, width, (3, 1, 1), (stride, 1, 1), (1, 0, 0), bias=False),
        *_norm_relu(width),
    )


def _depthwise(channels: int, width: int, stride: int) -> nn.Module:
    return nn.Sequential(
        nn.Conv3d(channels, channels, 3, (stride, 2, 2), 1, groups=channels, bias=False),
        *_norm_relu(channels),
        nn.Conv3d(channels, width, 1, bias=False),
        *_norm_relu(width),
    )


_TOPS = {'3d': _plain, '2plus1d': _factorised, 'depthwise': _depthwise}
