"""Prepare data sets: frames, fps, frame counts, annotation JSON, checks."""

import argparse
import contextlib
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

from kdtoolbox.config_files.command_line import add_output_arguments
from kdtoolbox.preparation import commands
from kdtoolbox.preparation.annotations import hmdb51_annotations, ucf101_annotations
from kdtoolbox.preparation.chain import DATA_SETS
from kdtoolbox.preparation.layouts import class_videos, flat_videos
from kdtoolbox.preparation.parallel import num_cores

INTERRUPTED = 130
EXAMPLE = 'kdtoolbox prepare hmdb51 data/hmdb51 --jobs 4'
# Argument -> what an example has in its place.
EXAMPLE_PATHS = {
    'video_dir': 'data/videos',
    'jpg_dir': 'data/frames',
    'out_dir': 'data/encoded',
    'root': 'data/my_videos',
    'annotation_dir': 'data/annotations',
    'train_csv': 'train.csv',
    'val_csv': 'validate.csv',
    'test_csv': 'test.csv',
    'out_json': 'kinetics.json',
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    subparsers = parser.add_subparsers(dest='preparation', metavar='PREPARATION', required=True)
    _add_extraction(subparsers)
    _add_frame_facts(subparsers)
    help_text = (
        'decode each video below VIDEO_DIR once and keep the index of its frames beside it: training opens it faster'
    )
    _add_jobs(_command(subparsers, 'index', help_text, commands.index, 'video_dir'))
    _add_reencoding(subparsers)
    _add_annotations(subparsers)
    for name in DATA_SETS:
        help_text = f'everything for {name}, as downloaded into ROOT'
        command = _command(subparsers, name, help_text, commands.data_set, 'root')
        _add_frame_options(command, 360 if name == 'activitynet' else 240)
    _add_check(subparsers)
    _add_folder(subparsers)


def run(args: argparse.Namespace) -> int:
    """Run one preparation.

    Returns:
        0 if all went well, 1 if something of the data is wrong or failed, 130 if interrupted.
    """
    try:
        with _sigterm_as_interrupt():
            return args.action(args)
    except KeyboardInterrupt:
        print('interrupted: finished videos are kept; run the same command again to continue')
        return INTERRUPTED


def _add_extraction(subparsers: argparse._SubParsersAction) -> None:
    for name, layout, height, help_text in (
        ('video_jpg', flat_videos, 360, 'ActivityNet: a flat folder of videos to frames, height 360'),
        ('video_jpg_kinetics', class_videos, 240, 'Kinetics: <class>/<video> and test/ to frames, height 240'),
        ('video_jpg_ucf101_hmdb51', class_videos, 240, 'UCF-101, HMDB-51: <class>/<video> to frames, height 240'),
    ):
        command = _command(subparsers, name, help_text, commands.extract, 'video_dir', 'jpg_dir')
        command.set_defaults(layout=layout)
        _add_frame_options(command, height)


def _add_reencoding(subparsers: argparse._SubParsersAction) -> None:
    help_text = 'encode videos again with close key frames, for fast random clips; frames keep their numbers'
    command = _command(subparsers, 'reencode', help_text, commands.reencode, 'video_dir', 'out_dir')
    add_scheduler(command)
    _add_ffmpeg_options(command)
    for name, value, words in (
        ('--short-side', 256, 'of the frames in pixels; smaller videos keep their size'),
        ('--keyframe-interval', 16, 'frames from one key frame to the next'),
        ('--quality', 20, "x264's constant rate factor, 0 (best) to 51"),
    ):
        command.add_argument(name, type=int, default=value, metavar='N', help=f'{words} (default: %(default)s)')
    command.add_argument('--dry-run', action='store_true', help='say what would be encoded, and do nothing')


def _add_frame_facts(subparsers: argparse._SubParsersAction) -> None:
    help_text = 'write the frame rate into each frame folder'
    _add_ffmpeg_options(_command(subparsers, 'fps', help_text, commands.fps, 'video_dir', 'jpg_dir'))
    help_text = 'write the number of frames into each frame folder'
    for name in ('n_frames_kinetics', 'n_frames_ucf101_hmdb51'):
        _add_jobs(_command(subparsers, name, help_text, commands.n_frames, 'jpg_dir'))


def _add_annotations(subparsers: argparse._SubParsersAction) -> None:
    _command(
        subparsers,
        'kinetics_json',
        'the CSV files of Kinetics to one JSON',
        commands.kinetics_json,
        'train_csv',
        'val_csv',
        'test_csv',
        'out_json',
    )
    help_text = 'the three official splits to JSON, beside them'
    command = _command(subparsers, 'ucf101_json', help_text, commands.split_json, 'annotation_dir')
    command.set_defaults(read=ucf101_annotations, stem='ucf101_0')
    command = _command(subparsers, 'hmdb51_json', help_text, commands.split_json, 'annotation_dir')
    command.set_defaults(read=hmdb51_annotations, stem='hmdb51_')


def _add_check(subparsers: argparse._SubParsersAction) -> None:
    help_text = 'verify a tree of frames, or with --videos a folder of videos'
    command = _command(subparsers, 'check', help_text, commands.check)
    command.add_argument('jpg_dir', type=Path, metavar='JPG_DIR', nargs='?')
    command.add_argument(
        '--videos',
        type=Path,
        metavar='DIR',
        help='decode each video below this folder from start to end; '
        'reports the number of frames, damage, and frames that readers with seeking get wrong',
    )
    command.add_argument(
        '--report',
        type=Path,
        metavar='FILE',
        default=Path('videos_report.tsv'),
        help='report of --videos, one line for each video (default: %(default)s in the current folder)',
    )
    command.add_argument('--json', type=Path, metavar='FILE', help='annotations: check that every video in them exists')
    command.add_argument('--every-frame', action='store_true', help='decode all frames, instead of three of each video')
    _add_time_limit(command)
    _add_jobs(command)


def _add_folder(subparsers: argparse._SubParsersAction) -> None:
    help_text = 'split your own <class>/<video> folders, and write the JSON'
    command = _command(subparsers, 'folder', help_text, commands.folder, 'root')
    command.add_argument('--out', type=Path, metavar='JSON', help='file to write (default: ROOT/split.json)')
    command.add_argument(
        '--validation-share', type=float, default=0.2, help='share of each class (default: %(default)s)'
    )
    command.add_argument('--seed', type=int, default=0, help='random seed of the split (default: %(default)s)')
    command.add_argument(
        '--group-separator',
        default='',
        metavar='TEXT',
        help='the part of a file name before the last TEXT is its source; videos of one source stay together',
    )
    command.add_argument(
        '--open', action='store_true', help='open each video once; videos that cannot be read are left out and listed'
    )
    _add_jobs(command)


def _command(
    subparsers: argparse._SubParsersAction,
    name: str,
    help_text: str,
    action: Callable[[argparse.Namespace], int],
    *paths: str,
) -> argparse.ArgumentParser:
    example = ' '.join(['kdtoolbox prepare', name, *(EXAMPLE_PATHS[path] for path in paths)])
    command = subparsers.add_parser(name, help=help_text, description=help_text, example=example)
    for path in paths:
        command.add_argument(path, type=Path, metavar=path.upper())
    command.set_defaults(action=action)
    add_output_arguments(command)
    return command


def _add_jobs(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        '-j',
        '--jobs',
        type=_at_least_one,
        default=num_cores(),
        metavar='N',
        help='number of parallel jobs (default: all %(default)s cores)',
    )


def _add_ffmpeg_options(command: argparse.ArgumentParser) -> None:
    _add_jobs(command)
    command.add_argument(
        '--ffmpeg', metavar='PATH', help='the ffmpeg to use (default: the one on the PATH, else imageio-ffmpeg)'
    )
    _add_time_limit(command)


def add_scheduler(command: argparse.ArgumentParser) -> None:
    """The option of what can be done by a cluster."""
    command.add_argument(
        '--scheduler',
        metavar='ADDRESS',
        help='of a Dask scheduler, such as tcp://head:8786, whose workers do it: they see the same folders',
    )


def _add_time_limit(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        '--time-limit',
        type=float,
        default=1800,
        metavar='SECONDS',
        help='time limit for one video (default: %(default)s)',
    )


def _add_frame_options(command: argparse.ArgumentParser, height: int) -> None:
    _add_ffmpeg_options(command)
    add_scheduler(command)
    size = command.add_mutually_exclusive_group()
    size.add_argument(
        '--height',
        type=int,
        metavar='PIXELS',
        help=f'height of the frames, the aspect ratio is kept (default: {height})',
    )
    size.add_argument(
        '--short-side', type=int, metavar='PIXELS', help='shorter side of the frames, instead of the height'
    )
    command.add_argument(
        '--quality', type=int, metavar='Q', help="ffmpeg's -q:v, 2 (best) to 31 (default: ffmpeg's own)"
    )
    command.add_argument('--fps', type=float, metavar='RATE', help='resample to this number of frames per second')
    command.add_argument(
        '--frames',
        choices=('constant-rate', 'as-stored'),
        default='constant-rate',
        help='constant-rate repeats or drops frames of a video whose rate varies, as ffmpeg does; '
        'as-stored makes one JPEG of each stored frame, and a file of their times '
        '(default: %(default)s)',
    )
    command.add_argument('--dry-run', action='store_true', help='only print what would be extracted')
    command.set_defaults(default_height=height)


def _at_least_one(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f'{text} is not a number of at least 1')
    return int(text)


@contextlib.contextmanager
def _sigterm_as_interrupt() -> Iterator[None]:
    """A scheduler's or a service's polite end is treated as Ctrl-C is."""
    previous = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous)
