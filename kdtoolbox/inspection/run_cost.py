"""Where the time of a training will go, from its config alone."""

import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from mmengine.device import get_device

from kdtoolbox.criterion.connections import paths_of
from kdtoolbox.inspection.network_cost import (
    ANSWERS_ARE_STORED,
    build_without_memory,
    inference_operations,
    seconds_of_a_clip,
    seen,
    teacher_operations,
    training_operations,
)
from kdtoolbox.inspection.run_length import Part, RunLength, length_of
from kdtoolbox.isolation import quiet_log, untouched_randomness
from kdtoolbox.registry import DATASETS
from kdtoolbox.safe_files import save_aside
from kdtoolbox.taps import LOGITS

EVALUATION = ('validation', 'test')
ON_THE_DEVICE = ('student', 'teacher', *EVALUATION)
NUM_DECODED = 4  # videos that are read to measure decoding


@dataclass(frozen=True)
class RunCost:
    """What a whole run costs.

    Attributes:
        length: epochs, clips, validations.
        operations: 'student' and 'teacher' in training, 'validation', 'test' (of the full protocol, at the end) ->
            operations in the whole run.
        seconds: the same, 'checkpoints' and 'decoding' -> seconds of one device in the whole run; of decoding, those of
            one core. Empty where nothing was measured; without 'decoding' where there is no data.
        num_workers: that decode for one device.
        device: what the seconds were measured on.
    """

    length: RunLength
    operations: Mapping[str, float]
    seconds: Mapping[str, float]
    num_workers: int
    device: str

    @property
    def total_operations(self) -> float:
        """Of the whole run."""
        return sum(self.operations.values())

    @property
    def evaluation_share(self) -> float:
        """Share of the operations, in [0, 1], that are validation and test."""
        return sum(self.operations[name] for name in EVALUATION) / self.total_operations

    def total_seconds(self, num_devices: int = 1) -> float | None:
        """Of the run on so many devices, each with its workers, or None where nothing was measured.

        Devices share the clips, workers decode while the device computes, and checkpoints are written by one process.
        """
        if not self.seconds:
            return None
        computing = sum(self.seconds[name] for name in ON_THE_DEVICE)
        decoding = self.seconds.get('decoding', 0.0) / max(1, self.num_workers)
        together = max(computing, decoding) if self.num_workers else computing + decoding
        return together / num_devices + self.seconds['checkpoints']


def estimate_run_cost(config: Mapping, *, num_videos: int | None = None, is_measured: bool = True) -> RunCost:
    """The cost of the training that a config describes.

    Operations are counted without computing; losses and connectors are left out. Seconds are measured on two clips and
    a few videos, on the device that a training would use, and multiplied.

    Args:
        config: of the run, with its options.
        num_videos: of the data set, training and test together, instead of what is on disk or known.
        is_measured: False counts operations only, in some seconds.

    Raises:
        ValueError: it trains nothing, has no student, or the size of its data is not known.
    """
    model = config['model']
    if not model.get('student'):
        raise ValueError(f'model.type={model.get("type")!r} has no student: the cost of distillers is known')
    length = length_of(config, num_videos=num_videos)
    students = [model['student'], *(model.get('peers') or {}).values()]
    teachers = _teachers(model)
    shape = seen(length.clip, model.get('student_view'))
    operations = {
        'student': length.clips
        * sum(training_operations(one, shape, keep=keep) for one in students for keep in _shares_of_tokens(model)),
        'teacher': length.clips * sum(teacher_operations(one, length.clip, student=students[0]) for one in teachers),
        'validation': length.num_validations * _operations_of(length.validation, students[0]),
        'test': _operations_of(length.test, students[0]),
    }
    seconds = _seconds(config, length, students, teachers) if is_measured else {}
    workers = config['train_dataloader'].get('num_workers', 0)
    return RunCost(length, operations, seconds, workers, get_device())


def _teachers(model: Mapping) -> list[Mapping]:
    """Those that are built: a teacher that no term uses is not."""
    teacher = model.get('teacher') or {}
    named = {'': teacher} if 'type' in teacher else dict(teacher)
    if model.get('type') != 'Distiller' or model.get('student_tokens'):
        return list(named.values())
    used = [term.get('teacher', LOGITS) for term in (model.get('terms') or {}).values() if term.get('weight', 1) != 0]
    paths = [path for one in used for path in paths_of(one)]
    return [one for name, one in named.items() if any(path.startswith(f'{name}.') or not name for path in paths)]


def _shares_of_tokens(model: Mapping) -> list[float]:
    """The share of its tokens that a student computes in each forward pass of a training step."""
    tokens = model.get('student_tokens')
    if tokens is None:
        return [1.0]
    of_labels = model.get('use_labels', True) and model.get('task_sees', 'all') == 'all'
    return [tokens['keep'], *([1.0] if of_labels else [])]


def _operations_of(parts: Sequence[Part], student: Mapping) -> float:
    return sum(part.num_videos * part.num_clips * inference_operations(student, part.shape) for part in parts)


def _seconds(config: Mapping, length: RunLength, students: Sequence[Mapping], teachers: Sequence[Mapping]) -> dict:
    device = torch.device(get_device())
    shape = seen(length.clip, config['model'].get('student_view'))
    with untouched_randomness():
        training = sum(
            seconds_of_a_clip(one, shape, device, role='training', keep=keep)
            for one in students
            for keep in _shares_of_tokens(config['model'])
        )
        teaching = sum(_teacher_seconds(one, length.clip, device, students[0]) for one in teachers)
        inference = {
            one: seconds_of_a_clip(students[0], one, device, role='inference')
            for one in {part.shape for part in (*length.validation, *length.test)}
        }

    def of(parts: Sequence[Part]) -> float:
        return sum(part.num_videos * part.num_clips * inference[part.shape] for part in parts)

    seconds = {
        'student': length.clips * training,
        'teacher': length.clips * teaching,
        'validation': length.num_validations * of(length.validation),
        'test': of(length.test),
        'checkpoints': length.num_checkpoints * _checkpoint_seconds(config, students),
    }
    decoding = _decoding_seconds(config, length)
    return seconds if decoding is None else {**seconds, 'decoding': decoding}


def _teacher_seconds(teacher: Mapping, clip: tuple, device: torch.device, student: Mapping) -> float:
    if teacher.get('type') == ANSWERS_ARE_STORED:
        return 0.0
    recognizer = student if teacher.get('type') == 'EMATeacher' else teacher.get('recognizer')
    if recognizer is not None:
        return seconds_of_a_clip(recognizer, seen(clip, teacher.get('view')), device, role='inference')
    return seconds_of_a_clip(teacher, clip, device, role='teacher')


def _checkpoint_seconds(config: Mapping, students: Sequence[Mapping]) -> float:
    """To write weights and what the optimizer keeps: one value a weight, of Adam two."""
    with quiet_log():
        tensors = [value for one in students for value in build_without_memory(one).state_dict().values()]
    copies = 3 if 'Adam' in str(config.get('optim_wrapper')) else 2
    content = {str(index): torch.zeros(value.shape) for index, value in enumerate(tensors * copies)}
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        save_aside(content, Path(folder) / 'checkpoint.pth')
        return time.perf_counter() - start


def _decoding_seconds(config: Mapping, length: RunLength) -> float | None:
    """Of one core, for all clips of the run; None where the data is not there."""
    try:
        per_video = [_seconds_of_a_video(config['train_dataloader']['dataset'])]
        for name, parts in (('val_dataloader', length.validation), ('test_dataloader', length.test)):
            datasets = config[name]['dataset'] if parts else {}
            per_video += [_seconds_of_a_video(one) for one in datasets.get('datasets') or [datasets] if one]
    except (ValueError, OSError):
        return None
    counts = [length.clips, *(part.num_videos * length.num_validations for part in length.validation)]
    counts += [part.num_videos for part in length.test]
    return sum(count * seconds for count, seconds in zip(counts, per_video, strict=True))


def _seconds_of_a_video(dataset: Mapping) -> float:
    with quiet_log():
        videos = DATASETS.build(dict(dataset))
    chosen = [index * len(videos) // NUM_DECODED for index in range(NUM_DECODED)]
    start = time.process_time()
    for index in chosen:
        videos[index]
    return (time.process_time() - start) / len(chosen)
