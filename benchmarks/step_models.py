"""What step.py and memory.py measure: models of the shipped configs at a chosen size, and loops written by hand."""

import copy
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
import torchvision
from mmaction.structures import ActionDataSample
from mmengine.config import Config
from mmengine.optim import OptimWrapperDict, build_optim_wrapper
from torch import Tensor, nn

from kdtoolbox.registry import MODELS
from kdtoolbox.teachers import FrozenTeacher
from kdtoolbox.views import View

CONFIGS = Path(__file__).parents[1] / 'configs'
# Of the losses those that papers compare with most; each is the shipped config of its name.
LOSSES = (
    'kl_divergence', 'dkd', 'dist', 'nkd', 'hint', 'attention_transfer', 'similarity_preserving', 'rkd_distance', 'crd',
    'review_kd',
)  # fmt: skip
NUM_CLASSES, TEMPERATURE, IMAGENET_CLASSES, FRAME_STRIDE = 51, 4.0, 1000, 4
LEARNING_RATE, MOMENTUM = 0.01, 0.9


@dataclass(frozen=True)
class Size:
    """Clips, student (an R3D-18) and teacher (torchvision) of a measurement."""

    batch_size: int
    frames: int
    student_pixels: int
    teacher_pixels: int
    student_channels: int
    teacher: str


SIZES = {
    'tiny': Size(4, 8, 32, 64, 4, 'resnet18'),
    'cpu': Size(4, 8, 56, 112, 32, 'resnet18'),
    'full': Size(32, 16, 112, 224, 64, 'resnet50'),
}


def clips_of(size: Size) -> dict:
    """A batch as the data loader gives it: uint8 clips in the teacher's size, and labels."""
    generator = torch.Generator().manual_seed(0)
    shape = (1, 3, size.frames, size.teacher_pixels, size.teacher_pixels)
    samples = []
    for number in range(size.batch_size):
        sample = ActionDataSample().set_gt_labels(number % NUM_CLASSES)
        sample.set_metainfo({'sample_id': f'video{number}'})
        samples.append(sample)
    inputs = [torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator) for _ in samples]
    return {'inputs': inputs, 'data_samples': samples}


def model_config(name: str, size: Size) -> dict:
    """The model of a shipped config, at a size, with random weights."""
    model = copy.deepcopy(Config.fromfile(CONFIGS / f'{name}.py').model.to_dict())
    channels = 8 * size.student_channels
    for student in (model['student'], *model.get('peers', {}).values()):
        student['backbone']['base_channels'] = size.student_channels
        student['cls_head'].update(in_channels=channels)
    model.update(student_view={'size': size.student_pixels}, clip_shape=(size.frames, *[size.teacher_pixels] * 2))
    teacher = model.get('teacher', {})
    if teacher.get('type') == 'ImageTeacher':
        if teacher.get('probe'):  # which gives it the data set's classes
            teacher['num_classes'] = NUM_CLASSES
        is_game = 'discriminator' in model
        teacher.update(
            model='torchvision.resnet18' if is_game else f'torchvision.{size.teacher}', weights=None, probe=None
        )
        teacher['view'] = {'size': size.teacher_pixels, 'frame_stride': teacher['view'].get('frame_stride', 1)}
        if is_game and channels != 512:
            model['adversarial']['student_connector'] = {
                'type': 'LinearProjection', 'in_channels': channels, 'out_channels': 512,
            }  # fmt: skip
    elif teacher.get('type') == 'EMATeacher':
        teacher['view'] = {'size': size.student_pixels}
    for term in model.get('terms', {}).values():
        if isinstance(connector := term.get('student_connector'), dict) and 'in_channels' in connector:
            connector['in_channels'] = channels
        if term['loss']['type'] == 'CRD':
            term['loss']['num_samples'] = 9537  # of UCF-101
    return model


def kd_config(size: Size, **changes) -> dict:
    """The flagship's model."""
    return {**model_config('kd_r2d_to_r3d_hmdb51', size), **changes}


def with_teacher(config: dict, **changes) -> dict:
    """A model config whose teacher has other options."""
    return {**config, 'teacher': {**config['teacher'], **changes}}


def optimizer_of(model: nn.Module, **options):
    """SGD as mmengine wraps it; for a game one each for student and discriminator."""
    optimizer = {'type': 'SGD', 'lr': LEARNING_RATE, 'momentum': MOMENTUM, **options.pop('optimizer', {})}
    if hasattr(model, 'discriminator'):
        wrappers = {
            'student': nn.ModuleList([model.student, model.criterion]), 'discriminator': model.discriminator,
        }  # fmt: skip
        return OptimWrapperDict(
            **{name: build_optim_wrapper(part, {'optimizer': optimizer}) for name, part in wrappers.items()}
        )
    return build_optim_wrapper(model, {**options, 'optimizer': optimizer})


def stepping(config: dict, device: torch.device, batch: dict, **options) -> Callable[[], object]:
    """One training step of a model, as a call; ``options`` are of the optimizer wrapper, and ``compile``."""
    compiles = options.pop('compile', False)
    torch.manual_seed(0)
    model = MODELS.build(copy.deepcopy(config)).to(device).train()
    if compiles:
        model.student.backbone.compile()
    wrapper = optimizer_of(model, **options)
    return lambda: model.train_step(batch, wrapper)


class Network(nn.Module):
    """The flagship's student with both of its heads, in plain PyTorch."""

    def __init__(self, size: Size) -> None:
        super().__init__()
        recognizer = MODELS.build(model_config('kd_r2d_to_r3d_hmdb51', size)['student'])
        self.backbone, self.classifier = recognizer.backbone, recognizer.cls_head.fc_cls
        self.dropout = nn.Dropout(recognizer.cls_head.dropout_ratio)
        self.projection = nn.Linear(self.classifier.in_features, IMAGENET_CLASSES)
        self.register_buffer('mean', recognizer.data_preprocessor.mean.clone())
        self.register_buffer('std', recognizer.data_preprocessor.std.clone())

    def forward(self, clips: Tensor) -> tuple[Tensor, Tensor]:
        features = self.backbone((clips - self.mean) / self.std).mean((2, 3, 4))
        return self.classifier(self.dropout(features)), self.projection(features)


def by_hand(size: Size, device: torch.device, batch: dict) -> Callable[[], object]:
    """The flagship's step as an experienced user would write it without a toolbox."""
    torch.manual_seed(0)
    student = Network(size).to(device).train()
    teacher = torchvision.models.get_model(size.teacher, weights=None).to(device).eval().requires_grad_(False)
    teacher = teacher.to(memory_format=torch.channels_last)
    mean, std = (
        torch.tensor(one, device=device).view(3, 1, 1) for one in ((123.675, 116.28, 103.53), (58.395, 57.12, 57.375))
    )
    optimizer = torch.optim.SGD(student.parameters(), lr=LEARNING_RATE, momentum=MOMENTUM)
    labels = torch.cat([sample.gt_labels.item for sample in batch['data_samples']])

    def step() -> Tensor:
        clips = torch.cat(batch['inputs']).to(device, non_blocking=True).float()
        target = labels.to(device, non_blocking=True)
        frames = clips[:, :, ::FRAME_STRIDE].transpose(1, 2).flatten(0, 1)
        with torch.inference_mode():
            answers = teacher(((frames - mean) / std).contiguous(memory_format=torch.channels_last))
            answers = answers.unflatten(0, (len(clips), -1)).mean(1)
        images = clips.transpose(1, 2).flatten(0, 1)
        if size.student_pixels != size.teacher_pixels:
            images = F.interpolate(images, (size.student_pixels,) * 2, mode='bilinear', antialias=True)
        logits, projected = student(images.unflatten(0, (len(clips), -1)).transpose(1, 2))
        softened = (one / TEMPERATURE for one in (projected, answers.clone()))
        kd = F.kl_div(*(one.log_softmax(1) for one in softened), log_target=True, reduction='batchmean')
        loss = F.cross_entropy(logits, target) + TEMPERATURE**2 * kd
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        return loss

    return step


@MODELS.register_module(force=True)
class OneImageAtATime(FrozenTeacher):
    """The original scripts' teacher: one image after the other, clip by clip, each answer kept on its own."""

    def __init__(self, *, model: str, size: int, frame_stride: int) -> None:
        network = torchvision.models.get_model(model, weights=None)
        linear = [name for name, module in network.named_modules() if isinstance(module, nn.Linear)]
        super().__init__(
            network,
            classifier=linear[-1],
            view=View(
                size=size, frame_stride=frame_stride, mean=(123.675, 116.28, 103.53), std=(58.395, 57.12, 57.375)
            ),
        )

    def run(self, frames: Tensor) -> dict[str, Tensor]:
        clips = [torch.cat([self.network(image[None]) for image in clip]).mean(0) for clip in frames]
        return {'logits': torch.stack(clips)}


def original_loop(size: Size) -> dict:
    """The flagship with the original's teacher loop, on all frames as there."""
    teacher = {'type': 'OneImageAtATime', 'model': size.teacher, 'size': size.teacher_pixels, 'frame_stride': 1}
    return kd_config(size, teacher=teacher)
