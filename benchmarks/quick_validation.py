"""Does the quick validation of a training choose the checkpoint that the full test would choose?

Trains a config with a checkpoint at every so many steps or epochs, then measures each of them both ways: by the quick
validation (the config's val_dataloader) and by the full protocol (its test_dataloader). Prints both numbers of each
checkpoint, their rank correlation, which checkpoint each would keep, and what the full protocol gives for the two.

    python benchmarks/quick_validation.py digits            # the demo's videos and last student, made on the spot
    python benchmarks/quick_validation.py clips --videos UCF101_FOLDER --weights mobilenet_v2.pth
    python benchmarks/quick_validation.py my_student/config.py --metric acc/top1 --out FILE

A config of ``kdtoolbox distill`` has both loaders. The digits have one test set; their quick validation is that of the
shipped configs: one clip instead of two, at most 10 gallery videos and 20 queries of each class. ``clips`` are real
ones, named as in UCF-101, of few classes; recordings from 20 on are the queries. The student is the one of
benchmarks/real_video.py, with all labels and the features of a MobileNetV2, and so is the full protocol, four clips a
video; the quick one is that of the shipped configs, two clips of at most 10 gallery videos and 20 queries of each
class. It is measured with one clip too.
"""

import argparse
import json
import sys
from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path
from tempfile import TemporaryDirectory

from mmengine.config import Config, ConfigDict
from mmengine.logging import MMLogger
from mmengine.registry import init_default_scope
from scipy.stats import spearmanr

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.real_video import base_config, feature_term
from kdtoolbox.config_files.evaluators import metric_configs
from kdtoolbox.config_files.finding import find_config
from kdtoolbox.config_files.reading import read_config
from kdtoolbox.demo.digit_videos import DigitVideos, write_digit_videos
from kdtoolbox.runner.demo_comparison import (
    STUDENT_CONFIG,
    STUDENTS,
    TEACHER_CONFIG,
    experiment,
    train_image_teacher,
    versions,
)
from kdtoolbox.runner.testing import test_student
from kdtoolbox.runner.training import build_runner
from kdtoolbox.safe_files import write_aside
from kdtoolbox.terminal import table_text

FIRST_QUERY = 20  # recordings (g20 …) from here on are the queries of 'clips'
MOBILENET_CHANNELS = 1280


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('config', help="a config with val_dataloader and test_dataloader, or 'digits'")
    parser.add_argument('--checkpoints', type=int, default=10, help='how many, evenly spaced over the training')
    parser.add_argument('--metric', nargs='+', default=['acc/top1', 'retrieval/top1'])
    parser.add_argument('--epochs', type=int, help='instead of the length that the config has')
    parser.add_argument('--teacher-steps', type=int, default=120, help='of the teacher of the digits')
    parser.add_argument('--student-steps', type=int, help='of the student of the digits')
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--videos', help="folder of class folders, for 'clips'")
    parser.add_argument('--weights', help="of torchvision's mobilenet_v2, for 'clips'")
    parser.add_argument('--out', help='also write the numbers to this JSON file, beside those of other configs')
    args = parser.parse_args()
    init_default_scope('kdtoolbox')
    MMLogger.get_instance('quick_validation', log_level='WARNING')  # without one, initialising logs each tensor
    with TemporaryDirectory() as folder:
        make = {'digits': digits, 'clips': clips}.get(args.config, own)
        config, quick = make(Path(folder), args)
        loaders = {'full': config.test_dataloader, **quick}
        checkpoints = train(config, args.checkpoints)
        rows = [measure(config, loaders, checkpoint) for checkpoint in checkpoints]
    name = args.config if args.config in ('digits', 'clips') else Path(args.config).absolute().parent.name
    result = {'rows': rows, 'choices': {metric: choice(rows, metric) for metric in args.metric}}
    print(text(result))
    others = [way for way in quick if way != 'quick']
    if others:
        result['others'] = {way: {metric: choice(rows, metric, way=way) for metric in args.metric} for way in others}
        print(*(told(choices, way=way) for way, choices in result['others'].items()), sep='\n')
    if args.out:
        file = Path(args.out)
        kept = json.loads(file.read_text())['data'] if file.is_file() else {}
        write_aside(file, json.dumps({'versions': versions(), 'data': {**kept, name: result}}, indent=1))


def digits(folder: Path, args: argparse.Namespace) -> tuple[Config, dict[str, ConfigDict]]:
    """The last student of the demo, and the loader of a quick validation as that of the shipped configs."""
    videos = DigitVideos(seed=args.seed)
    data = write_digit_videos(folder / 'digits', videos)
    weights = folder / 'image_teacher.pth'
    teacher = experiment(TEACHER_CONFIG, 'image teacher', work_dir=folder, data=data, seed=args.seed)
    train_image_teacher(teacher, weights, steps=args.teacher_steps, seed=args.seed)
    options = {'model.teacher.weights': str(weights), **list(STUDENTS.values())[-1]}
    if args.student_steps:
        options['train_cfg.max_iters'] = args.student_steps
    config = experiment(STUDENT_CONFIG, 'student', work_dir=folder, data=data, seed=args.seed, options=options)
    return config, {'quick': quick_of(config.test_dataloader, clips=1)}


def quick_of(loader: ConfigDict, *, clips: int) -> ConfigDict:
    """The loader of fewer clips, and of at most 10 gallery videos and 20 queries of each class."""
    quick = deepcopy(loader)
    for dataset in quick.dataset.datasets:
        dataset.max_per_class = 10 if dataset.role == 'gallery' else 20
        for transform in dataset.pipeline:
            if transform.type == 'SampleClipsEvenly':
                transform.num_clips = clips
    return quick


def clips(folder: Path, args: argparse.Namespace) -> tuple[Config, dict[str, ConfigDict]]:
    """The student of benchmarks/real_video.py with all labels and a teacher's features; the loaders of quick ways."""
    videos = sorted(Path(args.videos).glob('*/*.avi'))
    lists = {name: folder / f'{name}.txt' for name in ('train', 'test')}
    for name, file in lists.items():
        chosen = [video for video in videos if (recording_of(video) >= FIRST_QUERY) == (name == 'test')]
        file.write_text(''.join(f'{video.parent.name}/{video.name}\n' for video in chosen))
    paths = dict(root=args.videos, train_list=str(lists['train']), test_list=str(lists['test']))
    teacher = dict(teacher='mobilenet_v2', teacher_weights=args.weights, student='r3d')
    config = base_config(argparse.Namespace(**paths, **teacher, epochs=args.epochs), args.seed, folder / 'run')
    config.model.terms = dict(features=feature_term(config, MOBILENET_CHANNELS))
    epochs = config.train_cfg.max_epochs
    config.param_scheduler = [
        dict(type='LinearLR', start_factor=0.05, begin=0, end=2, by_epoch=True, convert_to_iter_based=True),
        dict(
            type='CosineAnnealingLR', begin=2, end=epochs, T_max=epochs - 2, by_epoch=True, convert_to_iter_based=True
        ),
    ]
    ways = {'quick': 2, '1 clip': 1}
    return config, {way: quick_of(config.test_dataloader, clips=number) for way, number in ways.items()}


def recording_of(video: Path) -> int:
    """8 of v_Archery_g08_c01.avi."""
    return int(video.stem.split('_')[-2].lstrip('g'))


def own(folder: Path, args: argparse.Namespace) -> tuple[Config, dict[str, ConfigDict]]:
    """A config from a file, which trains in a folder of its own, and the loader of its validation."""
    config = read_config(find_config(args.config))
    config.work_dir, config.launcher = str(folder / 'run'), 'none'
    config.randomness = dict(seed=args.seed)
    if args.epochs:
        shorten(config, args.epochs)
    return config, {'quick': deepcopy(config.val_dataloader)}


def shorten(config: Config, epochs: int) -> None:
    """Let the training and the schedules that end with it last so many epochs."""
    before, config.train_cfg.max_epochs = config.train_cfg.max_epochs, epochs
    for schedule in config.param_scheduler:
        for key in ('begin', 'end'):
            if schedule.get(key):
                schedule[key] = max(1, round(schedule[key] * epochs / before))
        if 'T_max' in schedule:
            schedule.T_max = schedule.get('end', epochs) - schedule.get('begin', 0)


def train(config: Config, num_checkpoints: int) -> list[str]:
    """Train without any validation; returns the checkpoints in order."""
    config = deepcopy(config)
    by_epoch = 'max_epochs' in config.train_cfg
    length = config.train_cfg.max_epochs if by_epoch else config.train_cfg.max_iters
    interval = max(1, length // num_checkpoints)
    config.default_hooks.checkpoint = dict(
        type='CheckpointHook', interval=interval, by_epoch=by_epoch, max_keep_ckpts=-1, save_best=None
    )
    for key in ('val_dataloader', 'val_evaluator', 'val_cfg'):
        config[key] = None
    config.custom_hooks = [hook for hook in config.custom_hooks if hook.type != 'FullTestHook']
    config.experiment_name = Path(config.work_dir).name + '_every_checkpoint'
    build_runner(config).train()
    unit = 'epoch' if by_epoch else 'iter'
    files = Path(config.work_dir).glob(f'{unit}_*.pth')
    return [str(file) for file in sorted(files, key=lambda file: int(file.stem.rpartition('_')[2]))]


def measure(config: Config, loaders: Mapping[str, ConfigDict], checkpoint: str) -> dict:
    """The metrics of one checkpoint by each of the loaders, under the same names."""
    row: dict = {'checkpoint': Path(checkpoint).stem}
    for way, loader in loaders.items():
        part = deepcopy(config)
        part.test_dataloader = deepcopy(loader)
        part.test_evaluator = [dict(metric) for metric in metric_configs(config.test_evaluator)]
        part.experiment_name = f'{way}_{row["checkpoint"]}'.replace(' ', '_')
        part.log_level = 'WARNING'
        row[way] = {name: float(value) for name, value in test_student(part, checkpoint).items()}
    return row


def choice(rows: list[dict], metric: str, *, way: str = 'quick') -> dict:
    """What a quick and the full way keep by a metric, the first where several are equal, as mmengine does."""
    quick, full = ([row[one][metric] for row in rows] for one in (way, 'full'))
    by_quick, by_full = quick.index(max(quick)), full.index(max(full))
    differ = len(set(quick)) > 1 and len(set(full)) > 1
    return {
        'rank_correlation': float(spearmanr(quick, full).statistic) if differ else None,
        'quick_keeps': rows[by_quick]['checkpoint'],
        'full_keeps': rows[by_full]['checkpoint'],
        'full_of_quick_choice': full[by_quick],
        'full_of_full_choice': full[by_full],
    }


def text(result: dict) -> str:
    """The numbers of all checkpoints, and the choices, in percent."""
    metrics = list(result['choices'])
    lines = [
        [row['checkpoint'], *(f'{100 * row[way][metric]:.1f}' for metric in metrics for way in ('quick', 'full'))]
        for row in result['rows']
    ]
    header = ['', *(f'{metric}, {way}' for metric in metrics for way in ('quick', 'full'))]
    return '\n'.join([table_text(lines, header=header), '', told(result['choices'])])


def told(choices: Mapping[str, Mapping], *, way: str = 'the quick validation') -> str:
    """What a way keeps by each metric and what the full test does, a line each."""
    return '\n'.join(
        f'{metric}: {way} keeps {found["quick_keeps"]}, the full test {found["full_keeps"]}; in full '
        f'{100 * found["full_of_quick_choice"]:.1f} and {100 * found["full_of_full_choice"]:.1f}; rank correlation '
        + ('–' if found['rank_correlation'] is None else f'{found["rank_correlation"]:.2f}')
        for metric, found in choices.items()
    )


if __name__ == '__main__':
    main()
