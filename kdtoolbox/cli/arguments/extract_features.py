"""Write one feature vector a video to a file that retrieval and probes run from."""

import argparse
from pathlib import Path

from kdtoolbox.config_files.command_line import check_config
from kdtoolbox.plain_files import FEATURE_FILES
from kdtoolbox.safe_files import check_writable

NETWORKS = ('student', 'teacher')
SPLITS = ('test', 'val', 'train')


EXAMPLE = 'kdtoolbox extract-features kd_r2d_to_r3d_hmdb51 student.pth features.safetensors --layer backbone.layer4'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        'checkpoint',
        nargs='?',
        help='checkpoint of the student, from training or exported; without one, and for a teacher, the weights in '
        'the config are used',
    )
    parser.add_argument('out', help='file to write, .safetensors or .npz')
    parser.add_argument('--of', choices=NETWORKS, default='student', help='the network (default student)')
    parser.add_argument(
        '--layer',
        default='features',
        help='features (default), logits or a module path, as a term of '
        'the config would name it; <teacher>.<path> with several teachers',
    )
    parser.add_argument(
        '--split',
        choices=SPLITS,
        default='test',
        help='data loader of the config (default test); with train, clips are augmented, and each video is read once, '
        'in order',
    )


def check_first(args: argparse.Namespace) -> None:
    """Refuse what cannot be meant, before torch is imported."""
    if Path(args.out).suffix not in FEATURE_FILES:  # also that of a checkpoint, where the file to write was forgotten
        raise ValueError(
            f'{args.out}: features are written as safetensors or npz, expected the name of a file to write that ends '
            f'in {" or ".join(FEATURE_FILES)}'
        )
    if args.launcher != 'none':
        raise ValueError(f'--launcher {args.launcher}: features are extracted by one process')
    if args.of == 'teacher' and args.checkpoint is not None:
        raise ValueError(
            f"a checkpoint ({args.checkpoint}) is a student's; a teacher has the weights of the config: "
            '--cfg-options model.teacher.weights=FILE'
        )
    check_writable(args.out)
    check_config(args)
