"""The teacher and the student of a recipe: by a library's name, by a class of one's own, or by a file."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from mmengine.config import Config
from mmengine.registry import DefaultScope
from torch import Tensor, nn

from kdtoolbox.arguments import did_you_mean
from kdtoolbox.config_files.finding import find_config
from kdtoolbox.deployment.student_parts import read_student
from kdtoolbox.isolation import quiet_log
from kdtoolbox.recipes.own_file import OwnFile, import_own, is_registered
from kdtoolbox.recipes.stem_layer import stem_layer
from kdtoolbox.recipes.survey import without_dots
from kdtoolbox.registry import MODELS
from kdtoolbox.taps import FEATURES
from kdtoolbox.teachers import FrozenTeacher, ImageTeacher
from kdtoolbox.teachers.image_teacher import build_image_model, last_layer_of
from kdtoolbox.teachers.weights import read_state_dict, torchvision_weights

STUDENTS = ('image_stem', 'r3d18', 'r2plus1d18')
TEACHER_FRAMES = 4  # of a clip: neighbouring frames look alike
USUAL_WEIGHTS = 'IMAGENET1K_V1'


@dataclass(frozen=True)
class TeacherChoice:
    """A teacher as a config, and what is known of it.

    Args:
        config: of ``model.teacher``.
        channels: of its features.
        pixels: height and width of its view.
        takes_probe: a linear probe can be fitted on it.
        stem: path of the last layer of its first ones, for a student that begins with them; None if there is none.
        own: the file of its class.
    """

    config: dict
    channels: int
    pixels: int
    takes_probe: bool
    stem: str | None
    own: OwnFile | None = None


def choose_teacher(spec: str, *, weights: str | None, frames: int, size: int | None) -> TeacherChoice:
    """Build the teacher that is meant, with its weights, and look at what it gives.

    Args:
        spec: 'torchvision.<name>', 'timm.<name>', 'transformers.<name or folder>', 'FILE.py:Class', the name of a
            registered class, or a student folder or checkpoint of kdtoolbox, a video network.
        weights: file or name; None is the library's own.
        frames: of a clip.
        size: height and width in pixels; None is the teacher's own.

    Raises:
        ValueError: there is no such network, or its weights cannot be had.
    """
    own, spec = import_own(spec)
    view = {} if size is None else {'size': size}
    with DefaultScope.overwrite_default_scope('kdtoolbox'):
        config = _teacher_config(spec, weights, own=own, frames=frames, view=view)
        try:
            teacher = MODELS.build(dict(config))
        except ValueError as error:
            raise ValueError(_with_hint(spec, str(error))) from error
        config['view'] = {'size': _whole(teacher.view.size), **config['view']}
        features = teacher_features(teacher, frames=frames)
    is_image_network = isinstance(teacher, ImageTeacher) and own is None
    return TeacherChoice(
        config=config,
        channels=features.shape[-1],
        pixels=max(teacher.view.height_and_width),
        takes_probe=isinstance(teacher, ImageTeacher),
        stem=stem_layer(teacher.network) if is_image_network and isinstance(config['model'], str) else None,
        own=own,
    )


def teacher_features(teacher: FrozenTeacher, *, frames: int) -> Tensor:
    """(1, C), of frames of noise in its own view."""
    height, width = teacher.view.height_and_width
    return teacher(torch.rand(1, -(-frames // teacher.view.frame_stride), 3, height, width))[FEATURES]


def _teacher_config(spec: str, weights: str | None, *, own: OwnFile | None, frames: int, view: Mapping) -> dict:
    library, _, name = spec.partition('.')
    strided = {**view, 'frame_stride': max(1, frames // TEACHER_FRAMES)}
    if weights and Path(weights).expanduser().is_file():
        weights = str(without_dots(Path(weights).expanduser()))
    if library == 'torchvision':
        known = torchvision_weights(name) if _is_torchvision(name) else {}
        usual = USUAL_WEIGHTS if USUAL_WEIGHTS in known else next(iter(known), None)
        its = _own_classes(spec, weights)
        return dict(type='ImageTeacher', model=spec, weights=weights or usual, **its, view=strided)
    if library == 'transformers' or (library == 'timm' and weights is None):
        model = dict(type=spec, num_classes=0) if library == 'timm' else spec
        its = {'weights': 'pretrained'} if library == 'timm' else {}
        return dict(type='EmbeddingTeacher', model=model, **its, view=strided)
    if library == 'timm':
        return dict(type='ImageTeacher', model=spec, weights=weights, **_own_classes(spec, weights), view=strided)
    if own is not None or is_registered(spec):
        return dict(type='ImageTeacher', model=dict(type=spec), weights=weights, view=strided)
    if Path(spec).expanduser().exists():
        parts = read_student(Path(spec).expanduser())
        sees = {'size': max(parts.preprocessing['size'] or [112])}
        return dict(
            type='RecognizerTeacher',
            recognizer=dict(parts.model),
            weights=str(parts.weights_file.absolute()),
            view={**sees, **view},
        )
    raise ValueError(
        f'--teacher {spec}: expected torchvision.<name>, timm.<name>, transformers.<name or folder>, FILE.py:Class, a '
        f'registered class, or a student of kdtoolbox; {did_you_mean(spec, list(MODELS.module_dict))}'
    )


def _own_classes(spec: str, weights: str | None) -> dict:
    """The number of classes of a file of weights, of a network tuned by oneself; nothing where it is the usual one."""
    if weights is None or not Path(weights).is_file():
        return {}
    with quiet_log():
        network = build_image_model(spec)
        state = read_state_dict(weights, network)
    name = f'{last_layer_of(network)}.weight'
    usual, found = network.state_dict().get(name), state.get(name)
    if usual is None or found is None or found.shape[1:] != usual.shape[1:] or len(found) == len(usual):
        return {}
    return {'num_classes': len(found)}


def _with_hint(spec: str, reason: str) -> str:
    if 'could not be fetched' not in reason:
        return f'--teacher {spec}: {reason}'
    reason = reason.partition('. Without a network')[0]
    return (
        f'{reason}. The teacher {spec} needs its weights once. Without a network, name a file of them: --weights FILE; '
        'or another teacher whose weights are at hand: --teacher torchvision.mobilenet_v2 --weights FILE'
    )


@dataclass(frozen=True)
class StudentChoice:
    """A student as a config.

    Args:
        name: as it was chosen.
        config: of ``model.student``.
        channels: of its features.
        own: the file of its class.
    """

    name: str
    config: dict
    channels: int
    own: OwnFile | None = None


def choose_student(spec: str, teacher: TeacherChoice, *, num_classes: int, frames: int, size: int) -> StudentChoice:
    """The student that is meant, with a head for so many classes.

    Args:
        spec: one of :data:`STUDENTS`, 'FILE.py:Class' or the name of a registered class: a backbone from clips
            (N, 3, T, H, W) to maps (N, C, T', h, w).

    Raises:
        ValueError: there is no such student, or it does not run on such clips.
    """
    own, spec = import_own(spec)
    head = dict(type='I3DHead', num_classes=num_classes, in_channels=1, dropout_ratio=0.5, average_clips='prob')
    with DefaultScope.overwrite_default_scope('kdtoolbox'):
        if spec in STUDENTS:
            base = Config.fromfile(find_config(f'_base_/students/{spec}.py')).to_dict()['model']['student']
            backbone, preprocessor = base['backbone'], base['data_preprocessor']
            if spec == 'image_stem':
                backbone = _stem_of(teacher, backbone)
        elif own is not None or is_registered(spec):
            backbone = dict(type=spec)
            preprocessor = Config.fromfile(find_config('_base_/students/image_stem.py')).to_dict()['model']['student'][
                'data_preprocessor'
            ]
        else:
            raise ValueError(
                f'--student {spec}: expected {", ".join(STUDENTS)}, auto, FILE.py:Class or a registered backbone; '
                f'{did_you_mean(spec, [*STUDENTS, *MODELS.module_dict])}'
            )
        channels = _channels_of(backbone, spec, frames=frames, size=size)
    config = dict(
        type='Recognizer3D',
        backbone=backbone,
        cls_head={**head, 'in_channels': channels},
        data_preprocessor=preprocessor,
    )
    return StudentChoice(spec, config, channels, own)


def _stem_of(teacher: TeacherChoice, backbone: Mapping) -> dict:
    if teacher.stem is None:
        raise ValueError(
            '--student image_stem begins with the first layers of its teacher, a convolutional network of torchvision '
            f'or timm; of {teacher.config.get("model") or teacher.config["type"]} they cannot be taken: --student '
            'r3d18'
        )
    return {
        **backbone,
        'image_model': teacher.config['model'],
        'weights': teacher.config['weights'],
        'last_layer': teacher.stem,
        **({'num_classes': its} if (its := teacher.config.get('num_classes')) else {}),
    }


def _channels_of(backbone: Mapping, spec: str, *, frames: int, size: int) -> int:
    network: nn.Module = MODELS.build(dict(backbone))
    network.eval()  # not in the line above: mmaction2's backbones return nothing
    try:
        with torch.no_grad():
            maps = network(torch.zeros(1, 3, frames, size, size))
    except Exception as error:  # a network may fail in any way on clips that it is not made for
        raise ValueError(
            f'--student {spec}: its backbone fails on clips (1, 3, {frames}, {size}, {size}): {error}'
        ) from error
    if not isinstance(maps, Tensor) or maps.dim() != 5:
        got = tuple(maps.shape) if isinstance(maps, Tensor) else type(maps).__name__
        raise ValueError(f"--student {spec}: its backbone gives {got}, expected maps (N, C, T', h, w)")
    return maps.shape[1]


def _is_torchvision(name: str) -> bool:
    import torchvision

    return name in torchvision.models.list_models(module=torchvision.models)


def _whole(size: tuple[int, int]) -> int | tuple[int, int]:
    return size[0] if size[0] == size[1] else size
