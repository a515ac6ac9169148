"""Write the student of a training checkpoint as a plain mmaction2 checkpoint."""

import argparse
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path

from kdtoolbox.deployment.plain_pipeline import plain_pipeline
from kdtoolbox.deployment.plain_student import needs_kdtoolbox, refuse_unknown_student
from kdtoolbox.engine.checkpoints import load_checkpoint, student_state_dict
from kdtoolbox.engine.plain_values import as_python
from kdtoolbox.engine.student_settings import student_config, student_test_pipeline, student_view
from kdtoolbox.safe_files import check_writable, save_aside, write_aside

HEADER = '# Written by kdtoolbox export-student.\n'
KEPT_META = ('epoch', 'iter', 'dataset_meta', 'student_config', 'student_view', 'student_test_pipeline')


def run(args: argparse.Namespace) -> int:
    for module in args.imports:
        try:
            import_module(module)
        except ModuleNotFoundError as error:
            raise ValueError(f'--imports {module}: {error}') from error
    files = export_student(args.checkpoint, args.out, imports=args.imports)
    print('wrote ' + ' and '.join(map(str, files)))
    return 0


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
    state = student_state_dict(checkpoint)
    if not any(name.startswith('backbone.') for name in state):
        raise ValueError(
            f'checkpoint {checkpoint_file} holds no student: none of its {len(state)} tensors is one of a '
            "recognizer's backbone. Expected a checkpoint written by tools/train.py"
        )
    text, config_file = config_text(checkpoint, imports=imports), out.with_suffix('.py')
    if text is not None and config_file.is_file() and not _is_ours(config_file):
        raise ValueError(f'{config_file} is in the place of the exported config: choose another name for {out}')
    meta = checkpoint.get('meta') or {}
    save_aside({'meta': {key: meta[key] for key in KEPT_META if key in meta}, 'state_dict': state}, out)
    if text is None:
        print(f'{checkpoint_file} does not contain the config of the student, so only its weights are written')
        return [out]
    write_aside(config_file, text)
    return [out, config_file]


def config_text(checkpoint: Mapping, *, imports: Sequence[str] = ()) -> str | None:
    """The config of the student for mmaction2, None if the checkpoint does not tell it.

    Raises:
        ValueError: what it tells is not of plain values and registered names.
    """
    model = student_config(checkpoint)
    if model is None:
        return None
    refuse_unknown_student(model)
    settings: dict[str, object] = {'default_scope': 'mmaction'}
    if needs_kdtoolbox(model):
        settings['default_scope'], imports = 'kdtoolbox', ['kdtoolbox.registry', *imports]
    if imports:
        settings['custom_imports'] = {'imports': list(imports), 'allow_failed_imports': False}
    pipeline, remarks = _pipeline(checkpoint)
    classes = _classes(checkpoint, model)
    text = HEADER + ''.join(f'# {remark}\n' for remark in remarks) + as_python(**settings, model=model)
    text += as_python(test_pipeline=pipeline) if pipeline else ''
    return text + (as_python(classes=classes) if classes else '')


def _pipeline(checkpoint: Mapping) -> tuple[list[dict] | None, list[str]]:
    """The test pipeline in mmaction2's transforms, and what the reader of the config should know of it."""
    tested = student_test_pipeline(checkpoint)
    missing = 'No test_pipeline, which mmaction.apis.inference_recognizer needs: '
    if tested is None:
        return None, [missing + 'the checkpoint does not tell how the student is tested.']
    if (student_view(checkpoint) or {}).get('modality', 'rgb') != 'rgb':
        return None, [missing + 'mmaction2 does not make the frame differences that this student sees.']
    try:
        return plain_pipeline(tested), []
    except ValueError as error:
        return None, [f'{missing}{error}.'.replace('\n', ' ')]


def _classes(checkpoint: Mapping, model: Mapping) -> list[str] | None:
    """The names of the student's classes; those of the data set are not, where it learned a teacher's classes."""
    meta = (checkpoint.get('meta') or {}).get('dataset_meta')
    classes = meta.get('classes') if isinstance(meta, Mapping) else None
    head = model.get('cls_head')
    if not isinstance(classes, (list, tuple)) or not all(isinstance(name, str) for name in classes):
        return None
    return list(classes) if isinstance(head, Mapping) and head.get('num_classes') == len(classes) else None


def _is_ours(config_file: Path) -> bool:
    return config_file.read_bytes().startswith(HEADER.encode())
