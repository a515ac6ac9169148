"""Does the quick validation of a training choose the checkpoint that the full test would choose?

Trains a config with a checkpoint at every so many steps or epochs, then measures each of them both ways: by the quick
validation (the config's val_dataloader) and by the full protocol (its test_dataloader). Prints both numbers of each
checkpoint, their rank correlation, which checkpoint each would keep, and what the full protocol gives for the two.

    python benchmarks/quick_validation.py digits            # the demo's videos and last student, made on the spot
    python benchmarks/quick_validation.py my_student/config.py --metric acc/top1 --out FILE

A config of ``kdtoolbox distill`` has both loaders. The digits have one test set; their quick validation is that of the
shipped configs: one clip instead of two, at most 10 gallery videos and 20 queries of each class.
"""

import argparse
import json
import sys
from copy import deepcopy
from pathlib import Path
from tempfile import TemporaryDirectory

from mmengine.config import Config, ConfigDict
from mmengine.logging import MMLogger
from mmengine.registry import init_default_scope
from scipy.stats import spearmanr

sys.path.insert(0, str(Path(__file__).parents[1]))

from kdtoolbox.cli.demo import STUDENT_CONFIG, STUDENTS, TEACHER_CONFIG, experiment, train_image_teacher, versions
from kdtoolbox.config_files.evaluators import metric_configs
from kdtoolbox.config_files.finding import find_config
from kdtoolbox.config_files.reading import read_config
from kdtoolbox.demo.digit_videos import DigitVideos, write_digit_videos
from kdtoolbox.runner.testing import test_student
from kdtoolbox.runner.training import build_runner
from kdtoolbox.safe_files import write_aside
from kdtoolbox.terminal import table_text


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('config', help="a config with val_dataloader and test_dataloader, or 'digits'")
    parser.add_argument('--checkpoints', type=int, default=10, help='how many, evenly spaced over the training')
    parser.add_argument('--metric', nargs='+', default=['acc/top1', 'retrieval/top1'])
    parser.add_argument('--epochs', type=int, help='instead of the length that the config has')
    parser.add_argument('--teacher-steps', type=int, default=120, help='of the teacher of the digits')
    parser.add_argument('--student-steps', type=int, help='of the student of the digits')
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--out', help='also write the numbers to this JSON file, beside those of other configs')
    args = parser.parse_args()
    init_default_scope('kdtoolbox')
    MMLogger.get_instance('quick_validation', log_level='WARNING')  # without one, initialising logs each tensor
    with TemporaryDirectory() as folder:
        make = digits if args.config == 'digits' else own
        config, quick_dataloader = make(Path(folder), args)
        checkpoints = train(config, args.checkpoints)
        rows = [measure(config, quick_dataloader, checkpoint) for checkpoint in checkpoints]
    name = args.config if args.config == 'digits' else Path(args.config).absolute().parent.name
    result = {'rows': rows, 'choices': {metric: choice(rows, metric) for metric in args.metric}}
    print(text(result))
    if args.out:
        file = Path(args.out)
        kept = json.loads(file.read_text())['data'] if file.is_file() else {}
        write_aside(file, json.dumps({'versions': versions(), 'data': {**kept, name: result}}, indent=1))


def digits(folder: Path, args: argparse.Namespace) -> tuple[Config, ConfigDict]:
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
    quick = deepcopy(config.test_dataloader)
    for dataset in quick.dataset.datasets:
        dataset.max_per_class = 10 if dataset.role == 'gallery' else 20
        for transform in dataset.pipeline:
            if transform.type == 'SampleClipsEvenly':
                transform.num_clips = 1
    return config, quick


def own(folder: Path, args: argparse.Namespace) -> tuple[Config, ConfigDict]:
    """A config from a file, which trains in a folder of its own, and the loader of its validation."""
    config = read_config(find_config(args.config))
    config.work_dir, config.launcher = str(folder / 'run'), 'none'
    config.randomness = dict(seed=args.seed)
    if args.epochs:
        shorten(config, args.epochs)
    return config, deepcopy(config.val_dataloader)


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


def measure(config: Config, quick_dataloader: ConfigDict, checkpoint: str) -> dict:
    """The metrics of one checkpoint, quick and full, under the same names."""
    row: dict = {'checkpoint': Path(checkpoint).stem}
    for way, loader in (('quick', quick_dataloader), ('full', config.test_dataloader)):
        part = deepcopy(config)
        part.test_dataloader = deepcopy(loader)
        part.test_evaluator = [dict(metric) for metric in metric_configs(config.test_evaluator)]
        part.experiment_name = f'{way}_{row["checkpoint"]}'
        part.log_level = 'WARNING'
        row[way] = {name: float(value) for name, value in test_student(part, checkpoint).items()}
    return row


def choice(rows: list[dict], metric: str) -> dict:
    """What each way keeps by a metric, the first where several are equal, as mmengine does."""
    quick, full = ([row[way][metric] for row in rows] for way in ('quick', 'full'))
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
    told = [
        f'{metric}: the quick validation keeps {found["quick_keeps"]}, the full test {found["full_keeps"]}; in full '
        f'{100 * found["full_of_quick_choice"]:.1f} and {100 * found["full_of_full_choice"]:.1f}; rank correlation '
        + ('–' if found['rank_correlation'] is None else f'{found["rank_correlation"]:.2f}')
        for metric, found in result['choices'].items()
    ]
    return '\n'.join([table_text(lines, header=header), '', *told])


if __name__ == '__main__':
    main()
