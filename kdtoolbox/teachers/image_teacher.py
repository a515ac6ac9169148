"""An image classifier as a teacher: logits and features of single frames, pooled over the clip."""

import math
from collections.abc import Mapping
from typing import Any

import torch
import torchvision
from mmaction.models import Recognizer2D
from torch import Tensor, nn

from kdtoolbox.arguments import did_you_mean
from kdtoolbox.registry import MODELS
from kdtoolbox.taps import FEATURES, FRAME_FEATURES, FRAME_LOGITS, LOGITS
from kdtoolbox.teachers.class_attention import CLASS_ATTENTION
from kdtoolbox.teachers.frame_by_frame import FrameTeacher, clip_layout, frame_by_frame
from kdtoolbox.teachers.frozen import recognizer_normalisation
from kdtoolbox.teachers.probe import load_probe
from kdtoolbox.teachers.weights import load_teacher_weights, published_weights
from kdtoolbox.views import IMAGENET_MEAN, IMAGENET_STD, View

PRETRAINED = 'pretrained'  # weights that a library fetches by itself


def pool_logits(logits: Tensor, pooling: str) -> Tensor:
    """Pool the logits of single frames to logits of the clip.

    ``softmax(mean of logits)`` is not ``mean of softmax``, so there is a choice:

    - ``'mean_logits'``: the mean over frames.
    - ``'mean_probs'``: the log of the mean probabilities; its softmax at temperature 1 is their mean.
    - ``'max'``: the largest logit of each class over frames.
    - ``'none'``: no pooling.

    Args:
        logits: (N, T', K).

    Returns:
        (N, K), for ``'none'`` (N, T', K).

    >>> pool_logits(torch.tensor([[[0., 2.], [4., 0.]]]), 'mean_logits')
    tensor([[2., 1.]])
    """
    return POOLINGS[pooling](logits)


POOLINGS = {
    'mean_logits': lambda logits: logits.mean(1),
    'mean_probs': lambda logits: logits.float().log_softmax(-1).logsumexp(1) - math.log(logits.shape[1]),
    'max': lambda logits: logits.amax(1),
    'none': lambda logits: logits,
}


@MODELS.register_module()
class ImageTeacher(FrameTeacher):
    """A frozen image classifier; its logits and features are pooled over the frames of the clip.

    All frames of a batch of clips go through the network together, ``chunk_size`` at a time.

    Taps are module paths of the network, and ``'frame_features'`` (N, C, T') and ``'frame_logits'`` (N, K, T'):
    features and logits before pooling over time, and ``'class_attention'`` (N, patches, T'): the attention of a ViT's
    class token in its last block. Maps become (N, C, T', H, W), tokens (N, C, T', L), vectors (N, C, T'). Maps with
    channels last (the blocks of Swin) cannot be tapped: tap the module after them that moves the
    channels to the front.

    Args:
        model: ``'torchvision.resnet50'``, ``'timm.convnext_tiny'`` (timm installed), the config dict of a
            registered ``nn.Module``, or a module: any network from images (B, 3, H, W) to logits (B, K). A
            ``Recognizer2D`` of mmaction2 is run frame by frame here; to run it on the frames as segments of one video,
            use :class:`RecognizerTeacher`.
        weights: torchvision name, file or URL, see :func:`load_weights`; for timm also ``'pretrained'``, which lets
            timm fetch its own; None keeps the weights of ``model``.
        num_classes: number of classes of the weights, for torchvision and timm, if it is not ImageNet's.
        probe: file written by ``tools/fit_probe.py``: its classes replace the model's own.
        view: size in pixels, ``frame_stride``, mean and std; default: size, mean and std of the weights or of the
            network, else 224 and ImageNet's.
        pooling: of the logits over frames, see :func:`pool_logits`. Features are averaged; with ``'none'`` they are per
            frame.
        chunk_size: number of frames in one forward pass.
        compute_dtype: ``'float32'``, ``'bfloat16'`` or ``'float16'``.
        classifier: path of the layer from features to logits; default: the last linear or convolutional layer.
        compile: ``True`` or arguments for ``torch.compile``.
    """

    outputs_without_path = (LOGITS, FEATURES, FRAME_LOGITS, FRAME_FEATURES, CLASS_ATTENTION)

    def __init__(
        self,
        model: str | Mapping | nn.Module,
        *,
        weights: str | None = None,
        num_classes: int | None = None,
        probe: str | None = None,
        view: Mapping | None = None,
        pooling: str = 'mean_logits',
        chunk_size: int = 64,
        compute_dtype: str = 'float32',
        classifier: str | None = None,
        compile: bool | Mapping = False,
    ) -> None:
        if pooling not in POOLINGS:
            raise ValueError(f'teacher pooling {pooling!r}: expected one of {", ".join(POOLINGS)}')
        if chunk_size < 1:
            raise ValueError(f'teacher chunk_size {chunk_size}: expected 1 or more frames')
        is_timms = weights == PRETRAINED and isinstance(model, str) and model.startswith('timm.')
        options: dict[str, Any] = {} if num_classes is None else {'num_classes': num_classes}
        if is_timms and options:
            raise ValueError(
                f'teacher num_classes={num_classes}: weights={PRETRAINED!r} have the classes they were trained on; '
                "another head would be random. Leave num_classes out and fit a probe to have the data set's"
            )
        network = build_image_model(model, **options, **({'pretrained': True} if is_timms else {}))
        _check_classes(num_classes, torchvision_name(model), weights)
        classes = None
        if not is_timms:
            classes = load_teacher_weights(network, weights, config=model, model_name=torchvision_name(model))
        super().__init__(
            network,
            classifier=classifier or _classifier_of(network),
            view=View(**{**own_view(network, torchvision_name(model), weights), **(view or {})}),
            compute_dtype=compute_dtype,
        )
        self.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch types it without; faster convolutions, on CPUs as on tensor cores
        self._is_recognizer = isinstance(network, Recognizer2D)
        self.pooling = pooling
        self.chunk_size = chunk_size
        self.trained_classes = classes
        self.probe: nn.Linear | None = None
        self.probe_classes: list[str] | None = None
        if probe is not None:
            self.probe, self.probe_classes = load_probe(probe, network=network)
        self.requires_grad_(False)
        if compile:
            self.network.compile(**(compile if isinstance(compile, Mapping) else {}))

    def run_frames(self, frames: Tensor) -> dict[str, Tensor]:
        answers = frame_by_frame(self._run_images, frames, chunk_size=self.chunk_size)
        logits, features = answers.pop(LOGITS), answers.pop(FEATURES)
        if features.dim() == 4:
            raise ValueError(
                f'the classifier {self.classifier!r} of the image teacher {type(self.network).__name__} gets '
                f'{tuple(features.shape[2:])} an image, expected a vector or a map: name the layer that '
                'turns the pooled features into logits, classifier=<module path>'
            )
        features = features.flatten(3).mean(3) if features.dim() > 3 else features
        if self.probe is not None:
            logits = self.probe(features.float())
        return {FRAME_LOGITS: logits, FRAME_FEATURES: features, **answers}

    def combine(self, outputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        clip = {}
        if FRAME_LOGITS in outputs:
            clip[LOGITS] = pool_logits(outputs[FRAME_LOGITS], self.pooling)
        if FRAME_FEATURES in outputs:
            features = outputs[FRAME_FEATURES]
            clip[FEATURES] = features if self.pooling == 'none' else features.mean(1)
        return {**clip, **{name: clip_layout(one) for name, one in outputs.items() if name in self.listened}}

    def _run_images(self, images: Tensor) -> dict[str, Tensor]:
        images = images.contiguous(memory_format=torch.channels_last)
        with self.taps.listening() as tapped, self.recording_attention() as attention:
            if self._is_recognizer:
                logits = self.network(images.unsqueeze(1), mode='tensor', stage='head')
            else:
                logits = self.network(images)
        if not isinstance(logits, Tensor) or logits.dim() != 2:
            raise ValueError(
                f'the image teacher {type(self.network).__name__} gave '
                f'{tuple(logits.shape) if isinstance(logits, Tensor) else type(logits).__name__}, '
                'expected logits of shape (images, classes)'
            )
        return {LOGITS: logits, **tapped, **attention}


def build_image_model(
    model: str | Mapping | nn.Module, *, num_classes: int | None = None, pretrained: bool = False
) -> nn.Module:
    """Build the image network of a config, without downloading weights unless asked to.

    Args:
        num_classes: number of classes, if ``model`` is a name.
        pretrained: let timm fetch its weights.

    Raises:
        ValueError: the name is not ``torchvision.*`` or ``timm.*``, or not known there.
    """
    if num_classes is not None and not isinstance(model, str):
        raise ValueError(
            f'teacher num_classes={num_classes} is for a torchvision.<name> or timm.<name>; a model of your '
            'own has an argument of its own: model=dict(type=…, num_classes=…)'
        )
    options = {} if num_classes is None else {'num_classes': num_classes}
    if isinstance(model, nn.Module):
        return model
    if isinstance(model, Mapping):
        return MODELS.build(dict(model))
    library, _, name = model.partition('.')
    if library == 'torchvision' and name in torchvision.models.list_models(module=torchvision.models):
        return torchvision.models.get_model(name, weights=None, **options)
    if library == 'timm':
        return timm_model(name, **options, **({'pretrained': True} if pretrained else {}))
    known = torchvision.models.list_models(module=torchvision.models)
    raise ValueError(
        f'teacher model {model!r}: '
        + (
            f'torchvision has no {name!r}: {did_you_mean(name, known)}'
            if library == 'torchvision'
            else 'expected torchvision.<name>, timm.<name>, or the config of a registered nn.Module'
        )
    )


def timm_model(name: str, **options) -> nn.Module:
    """A network of timm; its weights are random unless ``options`` ask for timm's.

    Raises:
        ValueError: timm is not installed, knows no such network, or cannot fetch its weights.
    """
    try:
        import timm
    except ImportError as error:
        raise ValueError(f"teacher model 'timm.{name}' needs timm: pip install kdtoolbox[timm]") from error
    try:
        return timm.create_model(name, **options)
    except (RuntimeError, OSError) as error:  # timm's signals for an unknown tag, and for weights out of reach
        if 'Unknown model' in str(error):
            hint = did_you_mean(name, timm.list_models(), what='timm.list_models() has them all:')[:120]
        else:
            hint = 'Without a network, give the file of its state dict as weights='
        raise ValueError(f"teacher model 'timm.{name}': {error}. {hint}") from error


def own_view(network: nn.Module, model_name: str | None, weights: str | None) -> dict:
    """Size, mean and std of the network's training images, if its library gives them."""
    if isinstance(network, Recognizer2D):
        return {'size': 224, **recognizer_normalisation(network)}
    view = {'size': 224, 'mean': IMAGENET_MEAN, 'std': IMAGENET_STD}
    entry = published_weights(model_name, weights)
    if entry is not None:
        shown = entry.transforms()
        mean, std = ([round(255 * value, 6) for value in values] for values in (shown.mean, shown.std))
        view = {'size': shown.crop_size[0], 'mean': mean, 'std': std}
    timm_config = getattr(network, 'pretrained_cfg', None)
    if timm_config:
        view = {
            'size': timm_config['input_size'][-1],
            'mean': [255 * value for value in timm_config['mean']],
            'std': [255 * value for value in timm_config['std']],
        }
    return view


def _check_classes(num_classes: int | None, model_name: str | None, weights: str | None) -> None:
    entry = published_weights(model_name, weights)
    if num_classes is not None and entry is not None and num_classes != len(entry.meta['categories']):
        raise ValueError(
            f'teacher num_classes={num_classes}, but {weights} are weights for '
            f'{len(entry.meta["categories"])} classes: leave num_classes out and fit a probe '
            "(tools/fit_probe.py) to have the data set's, or "
            'name the file of weights for yours'
        )


def torchvision_name(model: str | Mapping | nn.Module) -> str | None:
    """The name that torchvision has for a network; None for others.

    >>> torchvision_name('torchvision.resnet18'), torchvision_name('timm.resnet18')
    ('resnet18', None)
    """
    return model.removeprefix('torchvision.') if isinstance(model, str) and model.startswith('torchvision.') else None


def _classifier_of(network: nn.Module) -> str:
    if isinstance(network, Recognizer2D):
        return 'cls_head'
    layer = last_layer_of(network)
    if layer is None:
        raise ValueError(
            f'the image teacher {type(network).__name__} has no linear or convolutional layer inside; '
            'name its classifier: classifier=<module path>'
        )
    return layer


def last_layer_of(network: nn.Module) -> str | None:
    """Path of the last linear or convolutional layer, which most networks classify with."""
    layers = [path for path, module in network.named_modules() if isinstance(module, (nn.Linear, nn.Conv2d)) and path]
    return layers[-1] if layers else None
