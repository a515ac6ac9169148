"""The student of a training checkpoint as two files of plain mmaction2: weights and config."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from kdtoolbox.deployment.plain_pipeline import plain_pipeline
from kdtoolbox.deployment.plain_student import needs_kdtoolbox, refuse_unknown_student, without_own_weights
from kdtoolbox.deployment.preprocessing import refuse_unknown_transforms
from kdtoolbox.deployment.student_network import check_finite
from kdtoolbox.engine.checkpoints import load_checkpoint, student_state_dict
from kdtoolbox.engine.plain_values import as_python
from kdtoolbox.engine.student_settings import (
    LEARNED_CLASSES,
    STUDENT_CONFIG,
    STUDENT_VIEW,
    TEST_PIPELINE,
    student_config,
    student_test_pipeline,
    student_view,
)
from kdtoolbox.safe_files import check_writable, save_aside, write_aside

HEADER = '# Written by kdtoolbox export-student.\n'
KEPT_META = ('epoch', 'iter', 'dataset_meta', STUDENT_CONFIG, STUDENT_VIEW, TEST_PIPELINE, LEARNED_CLASSES)


def export_student(checkpoint_file: str | Path, out: str | Path, *, imports: Sequence[str] = ()) -> list[Path]:
    """Write the student's weights to ``out`` and, if the checkpoint knows it, its config beside it.

    Both are plain mmaction2: ``mmaction.apis.init_recognizer(config, checkpoint)`` takes them, and
    ``inference_recognizer`` a video file, seen as in the tests of the student: its frames, size and normalisation.
    ``classes`` of the config are the names of the student's classes.

    Args:
        imports: modules that register classes of one's own, imported already; named in the config that is written.

    Returns:
        The files written.

    Raises:
        ValueError: the checkpoint is not there, not safe, or holds no student, its config is not one of plain values
            and registered names, a config of somebody else's making is in the place of ours, or a file cannot be
            written.
    """
    out = Path(out)
    check_writable(out)
    if out.suffix == '.py':
        raise ValueError(
            f'{out}: the weights are written there and the config beside them, as .py: name it {out.stem}.pth'
        )
    checkpoint = load_checkpoint(checkpoint_file)
    state = recognizer_state(checkpoint, checkpoint_file)
    text, config_file = config_text(checkpoint, source=checkpoint_file, imports=imports), out.with_suffix('.py')
    if text is not None and config_file.is_file() and not _is_ours(config_file):
        raise ValueError(f'{config_file} is in the place of the exported config: choose another name for {out}')
    save_aside({'meta': kept_meta(checkpoint), 'state_dict': state}, out)
    if text is None:
        print(f'{checkpoint_file} does not contain the config of the student, so only its weights are written')
        return [out]
    write_aside(config_file, text)
    return [out, config_file]


def recognizer_state(checkpoint: Mapping, checkpoint_file: str | Path) -> dict:
    """The student's tensors by their names in the plain recognizer.

    Raises:
        ValueError: there is no student in the checkpoint, or it has diverged.
    """
    state = student_state_dict(checkpoint)
    if not any(name.startswith('backbone.') for name in state):
        raise ValueError(
            f'checkpoint {checkpoint_file} holds no student: none of its {len(state)} tensors is one of a '
            "recognizer's backbone. Expected a checkpoint written by tools/train.py"
        )
    check_finite(state, source=checkpoint_file)
    return state


def kept_meta(checkpoint: Mapping) -> dict:
    """What of a checkpoint's meta stays with the exported student."""
    meta = checkpoint.get('meta') or {}
    kept = {key: meta[key] for key in KEPT_META if key in meta}
    if not _is_known(student_test_pipeline(checkpoint)):
        del kept[TEST_PIPELINE]  # of one's own transforms, or crafted: of no use to others
    model = student_config(checkpoint)
    # Weights that it began with are a file of the machine that trained it, and no longer needed.
    return kept if model is None else {**kept, STUDENT_CONFIG: repr(without_own_weights(model))}


def config_text(checkpoint: Mapping, *, source: object, imports: Sequence[str] = ()) -> str | None:
    """The config of the student for mmaction2, None if the checkpoint does not tell it.

    Args:
        source: the checkpoint's file, for messages.
        imports: as in :func:`export_student`.

    Raises:
        ValueError: what it tells is not of plain values and registered names.
    """
    model = student_config(checkpoint, source=str(source))
    if model is None:
        return None
    refuse_unknown_student(model, source=source)
    model = without_own_weights(model)
    settings: dict[str, object] = {'default_scope': 'mmaction'}
    if needs_kdtoolbox(model):
        settings['default_scope'], imports = 'kdtoolbox', ['kdtoolbox.registry', *imports]
    if imports:
        settings['custom_imports'] = {'imports': list(imports), 'allow_failed_imports': False}
    pipeline, remarks = _pipeline(checkpoint, source=source)
    classes = class_names(checkpoint, model)
    text = HEADER + ''.join(f'# {remark}\n' for remark in remarks) + as_python(**settings, model=model)
    text += as_python(test_pipeline=pipeline) if pipeline else ''
    return text + (as_python(classes=classes) if classes else '')


def class_names(checkpoint: Mapping, model: Mapping) -> list[str] | None:
    """The names of the student's classes; those of the data set are not, where it learned a teacher's classes."""
    meta = (checkpoint.get('meta') or {}).get('dataset_meta')
    classes = meta.get('classes') if isinstance(meta, Mapping) else None
    head = model.get('cls_head')
    if not isinstance(classes, (list, tuple)) or not all(isinstance(name, str) for name in classes):
        return None
    return list(classes) if isinstance(head, Mapping) and head.get('num_classes') == len(classes) else None


def _pipeline(checkpoint: Mapping, *, source: object) -> tuple[list[dict] | None, list[str]]:
    """The test pipeline in mmaction2's transforms, and what the reader of the config should know of it."""
    tested = student_test_pipeline(checkpoint, source=str(source))
    missing = 'No test_pipeline, which mmaction.apis.inference_recognizer needs: '
    if tested is None:
        return None, [missing + 'the checkpoint does not tell how the student is tested.']
    if (student_view(checkpoint, source=str(source)) or {}).get('modality', 'rgb') != 'rgb':
        return None, [missing + 'mmaction2 does not make the frame differences that this student sees.']
    try:
        return plain_pipeline(tested), []
    except ValueError as error:
        return None, [f'{missing}{error}.'.replace('\n', ' ')]


def _is_known(pipeline: list | None) -> bool:
    try:
        refuse_unknown_transforms(pipeline or [], what='')
    except ValueError:
        return False
    return True


def _is_ours(config_file: Path) -> bool:
    return config_file.read_bytes().startswith(HEADER.encode())
