"""The folder of an exported student: weights, config, classes, preprocessing, metrics, model card."""

import json
import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path

from kdtoolbox.deployment.mmaction2_student import class_names, export_student, recognizer_state
from kdtoolbox.deployment.model_card import model_card
from kdtoolbox.deployment.plain_student import refuse_unknown_student, without_own_weights
from kdtoolbox.deployment.preprocessing import FILE as PREPROCESSING
from kdtoolbox.deployment.preprocessing import describe_preprocessing, preprocessing_text
from kdtoolbox.deployment.student_network import build_network
from kdtoolbox.deployment.tested_student import tested_student
from kdtoolbox.engine.checkpoints import load_checkpoint
from kdtoolbox.engine.student_settings import LEARNED_CLASSES
from kdtoolbox.plain_files import read_json
from kdtoolbox.safe_files import check_writable

WEIGHTS, CHECKPOINT, CONFIG = 'student.safetensors', 'student.pth', 'student.py'
CLASSES, METRICS, CARD = 'classes.json', 'metrics.json', 'README.md'
FILES = (WEIGHTS, CHECKPOINT, CONFIG, CLASSES, PREPROCESSING, METRICS, CARD)
VERSIONS = ('kdtoolbox', 'torch', 'mmaction2')


def write_student_folder(
    checkpoint_file: str | Path,
    out: str | Path,
    *,
    metrics: Mapping[str, float] | None = None,
    protocol: Mapping[str, str] | None = None,
    facts: Mapping[str, str] | None = None,
    imports: Sequence[str] = (),
) -> Path:
    """Write the student of a training or exported checkpoint as a folder; all of it, or nothing.

    Args:
        checkpoint_file: written by a training of kdtoolbox, or exported by it.
        out: the folder; a student folder there is replaced.
        metrics: key -> value.
        protocol: what the metrics were measured on: 'data', 'videos', …
        facts: of the training, for the card: 'teacher', 'data', …
        imports: modules that register classes of one's own, imported already.

    Raises:
        ValueError: the checkpoint holds no student or does not tell how it is built and tested, or ``out`` is
            something else.
    """
    out = Path(out)
    refuse_other_folder(out)
    check_writable(out / WEIGHTS)
    checkpoint = load_checkpoint(checkpoint_file)
    model, pipeline, modality = tested_student(checkpoint, source=checkpoint_file)
    refuse_unknown_student(model, source=checkpoint_file)
    classes, state = class_names(checkpoint, model), recognizer_state(checkpoint, checkpoint_file)
    view = {'size': 112, 'modality': modality}
    build_network(without_own_weights(model), state, view=view, source=checkpoint_file)  # as those who get it will
    meta = checkpoint.get('meta') or {}
    learned = bool(meta.get(LEARNED_CLASSES, True))
    preprocessing = describe_preprocessing(pipeline, model, modality=modality)
    card = model_card(
        out.absolute().name,
        classes=classes,
        learned_classes=learned,
        model=model,
        preprocessing=preprocessing,
        metrics=metrics or {},
        protocol=protocol or {},
        facts={**(facts or {}), **_training_facts(meta)},
    )
    out.absolute().parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f'.{out.name}.', dir=out.absolute().parent) as aside:
        folder = Path(aside) / 'student'
        folder.mkdir()
        export_student(checkpoint_file, folder / CHECKPOINT, imports=imports)
        save_tensors(state, folder / WEIGHTS)
        (folder / PREPROCESSING).write_text(preprocessing_text(preprocessing), encoding='utf-8')
        _write_json(folder / CLASSES, {'classes': classes, 'learned': learned})
        said = {'metrics': metrics, 'protocol': protocol, 'facts': facts}
        _write_json(
            folder / METRICS, {name: dict(values or {}) for name, values in said.items() if values or name != 'facts'}
        )
        (folder / CARD).write_text(card, encoding='utf-8')
        if out.is_dir():
            os.replace(out, Path(aside) / 'before')
        os.replace(folder, out)
    return out


def refuse_other_folder(out: Path) -> None:
    """Refuse a place that holds something else than a student folder.

    Raises:
        ValueError: it does.
    """
    if out.exists() and not out.is_dir():
        raise ValueError(f'{out} is a file, expected the name of a folder to write')
    foreign = sorted(entry.name for entry in out.iterdir()) if out.is_dir() else []
    if foreign and not is_student_folder(out):
        raise ValueError(
            f'{out} holds {", ".join(foreign[:3])} and is no student folder: name another one, nothing is overwritten'
        )


def is_student_folder(folder: str | Path) -> bool:
    """Whether the folder has a student in it, by the names of its files."""
    return all((Path(folder) / name).is_file() for name in (WEIGHTS, CONFIG, PREPROCESSING))


def measured_before(folder: Path) -> dict[str, dict]:
    """What a student folder says of its student: the arguments of :func:`write_student_folder`; empty for others."""
    if not is_student_folder(folder) or not (folder / METRICS).is_file():
        return {}
    content = read_json(folder / METRICS, max_bytes=1_000_000)
    said = content if isinstance(content, dict) else {}
    return {name: said[name] for name in ('metrics', 'protocol', 'facts') if isinstance(said.get(name), dict)}


def save_tensors(state: Mapping, file: Path) -> None:
    """Write tensors by their names as safetensors."""
    from safetensors.torch import save

    tensors = {name: tensor.detach().contiguous() for name, tensor in state.items()}
    file.write_bytes(save(tensors, metadata={'format': 'pt'}))  # save_file would write it for its owner alone


def copy_beside(folder: Path, names: Sequence[str], out: Path) -> None:
    """Copy files of a student folder into another one."""
    for name in names:
        if (folder / name).is_file():
            shutil.copyfile(folder / name, out / name)


def _training_facts(meta: Mapping) -> dict[str, str]:
    length = [f'{meta[key]} {word}' for key, word in (('epoch', 'epochs'), ('iter', 'steps')) if key in meta]
    made = {'trained for': ', '.join(length)} if length else {}
    return {**made, 'made with': ', '.join(f'{name} {version(name)}' for name in VERSIONS)}


def _write_json(file: Path, content: object) -> None:
    file.write_text(json.dumps(content, indent=2, ensure_ascii=False) + '\n', encoding='utf-8')
