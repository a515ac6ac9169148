"""Write one feature vector a video to a file that retrieval and probes run from."""

import argparse

from kdtoolbox.config_files.command_line import add_config_arguments

NETWORKS = ('student', 'teacher')
SPLITS = ('test', 'val', 'train')


EXAMPLE = 'kdtoolbox extract-features kd_r2d_to_r3d_hmdb51 student.pth features.npz --layer backbone.layer4'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_config_arguments(parser)
    parser.add_argument(
        'checkpoint',
        nargs='?',
        help="the student's: of training, or exported. Without one, and for a teacher, the config's own weights",
    )
    parser.add_argument('out', help='file to write, .npz')
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
        help='the data loader of the config (default test); train is augmented, in order, each video once',
    )
