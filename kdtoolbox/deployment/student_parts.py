"""Reading an exported student, or a training checkpoint, without running code from it."""

import ast
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from kdtoolbox.deployment.mmaction2_student import class_names
from kdtoolbox.deployment.plain_student import refuse_unknown_student, without_own_weights
from kdtoolbox.deployment.preprocessing import FILE as PREPROCESSING
from kdtoolbox.deployment.preprocessing import describe_preprocessing, read_preprocessing
from kdtoolbox.deployment.student_folder import CLASSES, CONFIG, METRICS, WEIGHTS, is_student_folder
from kdtoolbox.deployment.tested_student import tested_student
from kdtoolbox.engine.checkpoints import load_checkpoint, student_state_dict
from kdtoolbox.engine.plain_values import read_literal
from kdtoolbox.engine.student_settings import LEARNED_CLASSES
from kdtoolbox.plain_files import NoSuchFile, read_json, read_text
from kdtoolbox.safe_files import load_safely

STUDENT_IN_A_RUN = 'student'  # the folder of it in what `kdtoolbox distill` writes
FEATURES_IN_A_RUN = 'features.safetensors'  # likewise


@dataclass(frozen=True)
class StudentParts:
    """What a student is built from.

    Args:
        source: the folder or file that it was read from.
        weights_file: the file of its weights.
        model: config of the recognizer.
        state: its tensors by their names.
        preprocessing: as :func:`describe_preprocessing` gives it.
        classes: the names of its classes, None where they are not known.
        learned_classes: whether its head was taught anything.
        metrics: with their protocol, as ``metrics.json`` has them.
    """

    source: Path
    weights_file: Path
    model: Mapping
    state: Mapping[str, Tensor]
    preprocessing: Mapping
    classes: list[str] | None
    learned_classes: bool
    metrics: Mapping


def read_student(source: str | Path) -> StudentParts:
    """Read a student folder, a folder of ``kdtoolbox distill``, or a checkpoint.

    Raises:
        ValueError: it is none of these, or holds something else than data and registered names.
    """
    place = Path(source).expanduser()
    if place.is_dir():
        for folder in (place, place / STUDENT_IN_A_RUN):
            if is_student_folder(folder):
                return _from_folder(folder)
        raise ValueError(
            f'{source} is no student folder: it lacks {WEIGHTS}, {CONFIG} or {PREPROCESSING}. kdtoolbox export '
            'CHECKPOINT --out DIR writes one'
        )
    if not place.exists():
        raise ValueError(f'the student {source}: there is no such folder or file')
    return _from_checkpoint(place)


def _from_folder(folder: Path) -> StudentParts:
    settings = read_data_config(folder / CONFIG)
    model = _checked_model(settings.get('model'), folder / CONFIG)
    classes, learned = _read_classes(folder / CLASSES)
    return StudentParts(
        source=folder,
        weights_file=folder / WEIGHTS,
        model=model,
        state=load_safely(folder / WEIGHTS, what='student'),
        preprocessing=read_preprocessing(folder / PREPROCESSING),
        classes=classes,
        learned_classes=learned,
        metrics=_read_metrics(folder / METRICS),
    )


def _from_checkpoint(file: Path) -> StudentParts:
    checkpoint = load_checkpoint(file)
    settings, pipeline, modality = tested_student(checkpoint, source=file)
    model = _checked_model(settings, file)
    return StudentParts(
        source=file,
        weights_file=file,
        model=model,
        state=student_state_dict(checkpoint),
        preprocessing=describe_preprocessing(pipeline, model, modality=modality),
        classes=class_names(checkpoint, model),
        learned_classes=bool((checkpoint.get('meta') or {}).get(LEARNED_CLASSES, True)),
        metrics={},
    )


def read_data_config(file: Path) -> dict:
    """A config file of ``name = literal`` lines alone, as data; it is never run.

    Raises:
        ValueError: there is anything else in it.
    """
    text = read_text(file, max_bytes=1_000_000)
    try:
        lines = ast.parse(text).body
    except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
        raise ValueError(f'{file} is no config of plain values: {type(error).__name__}') from error
    settings = {}
    for line in lines:
        if not isinstance(line, ast.Assign) or len(line.targets) != 1 or not isinstance(line.targets[0], ast.Name):
            raise ValueError(f'{file}, line {line.lineno}: expected name = value, with plain values alone')
        value = ast.get_source_segment(text, line.value)
        settings[line.targets[0].id] = read_literal(value, what=f'{file}, line {line.lineno}')
    return settings


def _checked_model(model: object, source: Path) -> dict:
    if not isinstance(model, dict):
        raise ValueError(f'{source} has no config of a model')
    refuse_unknown_student(model, source=source)
    return without_own_weights(model)


def _read_classes(file: Path) -> tuple[list[str] | None, bool]:
    content = read_json(file, max_bytes=10_000_000)
    classes = content.get('classes', 0) if isinstance(content, dict) else 0
    names = classes if isinstance(classes, list) and all(isinstance(name, str) for name in classes) else None
    if not isinstance(content, dict) or (classes is not None and names is None):
        raise ValueError(f'{file}: expected {{"classes": [names] or null, "learned": true or false}}')
    return names, bool(content.get('learned', True))


def _read_metrics(file: Path) -> Mapping:
    try:
        content = read_json(file, max_bytes=1_000_000)
    except NoSuchFile:
        return {}
    return content if isinstance(content, dict) else {}
