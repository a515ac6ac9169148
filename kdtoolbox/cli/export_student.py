"""Write the student of a training checkpoint as a plain mmaction2 checkpoint."""

import argparse
from pathlib import Path

from mmengine.config import Config

from kdtoolbox.engine.checkpoints import student_config, student_state_dict
from kdtoolbox.safe_files import load_safely, save_aside, write_aside

HEADER = '# Written by kdtoolbox export-student.\n'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('checkpoint', help='a checkpoint of training')
    parser.add_argument('out', help='the file to write; its mmaction2 config is put beside it, as .py')


def run(args: argparse.Namespace) -> int:
    files = export_student(args.checkpoint, args.out)
    print('wrote ' + ' and '.join(map(str, files)))
    return 0


def export_student(checkpoint_file: str | Path, out: str | Path) -> list[Path]:
    """Write the student's weights to ``out`` and, if the checkpoint knows it, its config beside it.

    Both are plain mmaction2: ``mmaction.apis.init_recognizer(config, checkpoint)`` takes them.

    Returns:
        The files written.

    Raises:
        ValueError: the checkpoint is not there, not safe, or holds no student, or a config of somebody else's making is
            in the place of ours.
    """
    checkpoint = load_safely(checkpoint_file, what='checkpoint')
    state = student_state_dict(checkpoint)
    if not any(name.startswith('backbone.') for name in state):
        raise ValueError(f'checkpoint {checkpoint_file} holds no student: none of its {len(state)} tensors is one of a '
                         "recognizer's backbone. Expected a checkpoint written by tools/train.py")
    out = Path(out)
    model, config_file = student_config(checkpoint), out.with_suffix('.py')
    if model is not None and config_file.is_file() and not config_file.read_text(encoding='utf-8').startswith(HEADER):
        raise ValueError(f'{config_file} is in the place of the exported config: choose another name for {out}')
    meta = checkpoint.get('meta', {})
    kept = {key: meta[key] for key in ('epoch', 'iter', 'dataset_meta', 'student_config') if key in meta}
    save_aside({'meta': kept, 'state_dict': state}, out)
    if model is None:
        return [out]
    write_aside(config_file, HEADER + Config({'default_scope': 'mmaction', 'model': model}).pretty_text)
    return [out, config_file]
