"""The networks to be measured: the student of a folder or checkpoint, students and teachers of a config."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from mmaction.models import Recognizer2D
from mmengine.registry import init_default_scope
from torch import Tensor, nn

from kdtoolbox.config_files.reading import read_config
from kdtoolbox.deployment.clip_network import ClipNetwork
from kdtoolbox.deployment.student import load_student
from kdtoolbox.inspection.network_cost import ANSWERS_ARE_STORED, seen, without_files
from kdtoolbox.inspection.run_length import shape_of_clips
from kdtoolbox.isolation import quiet_log
from kdtoolbox.registry import MODELS
from kdtoolbox.teachers.frame_by_frame import FrameTeacher
from kdtoolbox.teachers.recognizer_teacher import RecognizerTeacher

CHECKPOINTS = ('.pth', '.pt', '.safetensors')


@dataclass(frozen=True)
class Measured:
    """A network to be measured.

    Args:
        name: of it, with where it is from.
        network: as it is run in PyTorch.
        shape: of the input for one clip, without the batch.
        exported: the same as a plain function of tensors, for ONNX; None if it cannot be told.
    """

    name: str
    network: nn.Module
    shape: tuple[int, ...]
    exported: nn.Module | None


class FramesNetwork(nn.Module):
    """Frames (N, T', 3, H, W) -> the mean over frames of an image network's outputs."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, frames: Tensor) -> Tensor:
        answers: Tensor = self.network(frames.flatten(0, 1))
        return answers.reshape(-1, frames.shape[1], *answers.shape[1:]).mean(1)


class SegmentsNetwork(nn.Module):
    """Frames (N, T', 3, H, W), or clips (N, 3, T, H, W) -> logits of a recognizer, without its preprocessor."""

    def __init__(self, recognizer: nn.Module, *, takes_frames: bool) -> None:
        super().__init__()
        self.recognizer, self.takes_frames = recognizer, takes_frames

    def forward(self, inputs: Tensor) -> Tensor:
        is_2d = isinstance(self.recognizer, Recognizer2D)
        inputs = inputs if is_2d else (inputs.transpose(1, 2) if self.takes_frames else inputs).unsqueeze(1)
        return self.recognizer(inputs.contiguous(), mode='tensor', stage='head')


def is_student(source: str) -> bool:
    """Whether a name on the command line is of a student, and not of a config."""
    return Path(source).is_dir() or Path(source).suffix in CHECKPOINTS


def networks_of_student(source: str) -> Iterator[Measured]:
    """The student of a folder or checkpoint.

    Raises:
        ValueError: it is no student, or does not tell the size of its clips.
    """
    student = load_student(source, device='cpu')
    size, frames = student.preprocessing['size'], student.preprocessing['frames']
    if size is None or frames is None:
        raise ValueError(f"{source}: the student's preprocessing does not tell the size of its clips")
    yield _of_recognizer(f'student {Path(source).name}', student.recognizer, (3, frames, *size))


def networks_of_config(file: Path, *, safe: bool = False) -> Iterator[Measured | str]:
    """Students and teachers of a config with random weights; of a network that does not run, why, as a sentence.

    Raises:
        ValueError: the config cannot be read, or does not tell the size of its clips.
    """
    config = read_config(file, safe=safe)
    init_default_scope(config.get('default_scope', 'kdtoolbox'))
    model = config.model
    clip = _clip_shape(config, file)
    students = {'student': model.student} if model.get('student') else {'network': model}
    students |= {f'student {name}': one for name, one in (model.get('peers') or {}).items()}
    for name, one in students.items():
        shape = seen(clip, model.get('student_view'))
        yield _of_recognizer(f'{name} {_kind(one)}', _built(one), shape)
    teacher = model.get('teacher') or {}
    teachers = {'': teacher} if 'type' in teacher else dict(teacher)
    for name, one in teachers.items():
        yield _of_teacher(f'teacher {name}'.strip(), one, clip)


def _clip_shape(config: Mapping, file: Path) -> tuple[int, ...]:
    loader = config.get('train_dataloader') or config.get('test_dataloader') or {}
    dataset = loader.get('dataset') or {}
    shape = shape_of_clips((dataset.get('datasets') or [dataset])[0].get('pipeline') or ())
    if not shape[2]:
        raise ValueError(f'{file}: the pipeline of its data does not tell the size of the clips (Resize, CenterCrop)')
    return shape


def _of_teacher(name: str, config: Mapping, clip: tuple[int, ...]) -> Measured | str:
    if config['type'] == ANSWERS_ARE_STORED:
        return f'{name}: its answers are stored, so its network does not run'
    if config['type'] == 'EMATeacher':
        return f'{name}: an average of the student, so it costs what the student costs'
    teacher = _built(config)
    view = teacher.view
    shape = (-(-clip[1] // view.frame_stride), 3, *view.height_and_width)
    exported: nn.Module | None = None
    if isinstance(teacher, RecognizerTeacher) or isinstance(teacher.network, Recognizer2D):
        exported = SegmentsNetwork(teacher.network, takes_frames=True)
    elif isinstance(teacher, FrameTeacher):
        exported = FramesNetwork(teacher.network)
    return Measured(f'{name} {_kind(config)}', teacher, shape, exported)


def _of_recognizer(name: str, recognizer: nn.Module, shape: tuple[int, ...]) -> Measured:
    if isinstance(recognizer, Recognizer2D):
        network: nn.Module = SegmentsNetwork(recognizer, takes_frames=True).eval()
        return Measured(name, network, (shape[1], 3, *shape[2:]), network)
    plain: nn.Module = ClipNetwork(recognizer) if getattr(recognizer, 'neck', None) is None else recognizer
    network = (plain if plain is not recognizer else SegmentsNetwork(recognizer, takes_frames=False)).eval()
    return Measured(name, network, shape, network)


def _built(config: Mapping):
    with quiet_log():  # of random weights, which are meant
        return MODELS.build(without_files(config)).eval()


def _kind(config: Mapping) -> str:
    """What to call a network by: its backbone, or the model of a teacher."""
    inner = config.get('backbone') or config.get('model') or config.get('recognizer') or config['type']
    while isinstance(inner, Mapping):
        depth = f' {inner["depth"]}' if isinstance(inner.get('depth'), int) else ''
        below = inner.get('backbone')
        if not isinstance(below, Mapping):
            return f'{inner.get("type")}{depth}'
        inner = below
    return str(inner)
