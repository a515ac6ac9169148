"""Write the student of a training checkpoint as a plain mmaction2 checkpoint."""

import argparse
import json
from pathlib import Path

from mmengine.config import Config

from kdtoolbox.engine.checkpoints import load_checkpoint_file, save_aside, student_state_dict


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
        ValueError: the checkpoint is not there, not safe, or holds no student.
    """
    checkpoint = load_checkpoint_file(checkpoint_file)
    state = student_state_dict(checkpoint)
    if not any(name.startswith('backbone.') for name in state):
        raise ValueError(f'checkpoint {checkpoint_file} holds no student: none of its {len(state)} tensors is one of a '
                         "recognizer's backbone. Expected a checkpoint written by tools/train.py")
    out = Path(out)
    meta = checkpoint.get('meta', {})
    kept = {key: meta[key] for key in ('epoch', 'iter', 'dataset_meta', 'student_config') if key in meta}
    save_aside({'meta': kept, 'state_dict': state}, out)
    if 'student_config' not in meta:
        return [out]
    config = out.with_suffix('.py')
    aside = config.with_name(f'{config.stem}.part.py')
    Config({'default_scope': 'mmaction', 'model': json.loads(meta['student_config'])}).dump(aside)
    aside.replace(config)
    return [out, config]
