"""Students of the demo's videos with a teacher and without, at the same labels, network and steps."""

import json
import platform
import resource
import time
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import cast

import torch
from mmaction.models import ActionDataPreprocessor
from mmengine.config import Config
from mmengine.device import get_device
from mmengine.hooks import Hook
from mmengine.registry import init_default_scope
from mmengine.runner import Runner, set_random_seed
from torch import Tensor, nn

from kdtoolbox.config_files.finding import find_config
from kdtoolbox.demo.digit_videos import DigitVideos, write_digit_videos
from kdtoolbox.demo.stills_training import train_on_stills
from kdtoolbox.engine.console import quiet_log
from kdtoolbox.registry import MODELS
from kdtoolbox.reporting.html_report import write_report
from kdtoolbox.reporting.run_origin import record_command
from kdtoolbox.runner.measure_run import measure_run
from kdtoolbox.runner.testing import test_student
from kdtoolbox.runner.training import build_runner
from kdtoolbox.safe_files import save_aside, write_aside
from kdtoolbox.terminal import Progress, table_text
from kdtoolbox.views import View

TEACHER_CONFIG, STUDENT_CONFIG = 'demo/image_teacher.py', 'demo/video_student.py'
TEACHER_PIXELS = 48  # height and width, as in the configs' views
CROP_PIXELS = 56  # likewise
LABELS_PER_CLASS = 3
FEW_LABELS = {'model.use_labels': True, 'train_dataloader.dataset.labels_per_class': LABELS_PER_CLASS}
# Same network, same start, same steps; row of the table -> what differs from the config.
STUDENTS: dict[str, dict] = {
    'student, distilled without labels': {},
    f'student, {LABELS_PER_CLASS} labels a class': {**FEW_LABELS, 'model.terms.kd.weight': 0},
    f'student, {LABELS_PER_CLASS} labels a class + distillation': {
        **FEW_LABELS,
        'train_dataloader.dataset.unlabelled': 'keep',
    },
}
COLUMNS = {
    'top-1': 'acc/top1',
    'mean class': 'acc/mean1',
    'retrieval@1': 'retrieval/top1',
    'retrieval@5': 'retrieval/top5',
}
CHANCES = ('acc/chance', 'retrieval/chance_top1', 'retrieval/chance_top5')


def write_demo_report(work_dir: Path) -> Path:
    """The report on the last student of a demo against the one with the same labels and no teacher."""
    baseline, distilled = (work_dir / folder_of(name) for name in list(STUDENTS)[1:])
    for folder in (baseline, distilled):
        for problem in measure_run(folder):
            print(f'{folder.name}: not measured: {problem}')
    return write_report([distilled], work_dir / 'report.html', baseline=baseline)


def run_demo(
    work_dir: Path, *, videos: DigitVideos, teacher_steps: int = 120, student_options: Mapping | None = None
) -> dict:
    """Make the videos, train the teacher and the students, test them all, and write ``results.json``.

    Args:
        student_options: changes of the student's config, in the form of ``--cfg-options``.

    Returns:
        What is written: ``rows`` of name and metrics, and how they came about.
    """
    start_seconds, start_cpu_seconds = time.perf_counter(), cpu_seconds()
    init_default_scope('kdtoolbox')
    quiet_log('demo')
    num_steps, rows = len(STUDENTS) + 4, []
    print(f'[1/{num_steps}] writing videos to {work_dir / "digits"}')
    data = write_digit_videos(work_dir / 'digits', videos)
    print(f'[2/{num_steps}] training the image teacher on still images of the training digits')
    weights = work_dir / 'image_teacher.pth'
    teacher = experiment(TEACHER_CONFIG, 'image teacher', work_dir=work_dir, data=data, seed=videos.seed)
    train_image_teacher(teacher, weights, steps=teacher_steps, seed=videos.seed)
    print(f'[3/{num_steps}] testing the teacher on the frames of the test videos')
    rows.append({'name': 'image teacher, on frames', **test_student(teacher, str(weights))})

    options = {'model.teacher.weights': str(weights), **(student_options or {})}
    print(f'[4/{num_steps}] testing a student with random weights')
    student = experiment(
        STUDENT_CONFIG, 'student, random weights', work_dir=work_dir, data=data, seed=videos.seed, options=options
    )
    rows.append({'name': 'student, random weights', **test_student(student, None)})
    for number, (name, changes) in enumerate(STUDENTS.items(), start=5):
        print(f'[{number}/{num_steps}] training the {name}')
        student = experiment(
            STUDENT_CONFIG, name, work_dir=work_dir, data=data, seed=videos.seed, options={**options, **changes}
        )
        rows.append({'name': name, **test_student(student, train(student))})
    results = {
        'rows': rows,
        'videos': vars(videos),
        'teacher_steps': teacher_steps,
        'student_steps': student.train_cfg.max_iters,
        'labels_per_class': LABELS_PER_CLASS,
        'seed': videos.seed,
        'seconds': round(time.perf_counter() - start_seconds, 1),
        'cpu_seconds': round(cpu_seconds() - start_cpu_seconds, 1),
        'device': get_device(),
        'threads': torch.get_num_threads(),
        'versions': versions(),
    }
    file = work_dir / 'results.json'
    write_aside(file, json.dumps(results, indent=2))
    print(f'wrote {file}; {results["seconds"]:.0f} s, {results["cpu_seconds"]:.0f} s of CPU')
    return results


def folder_of(name: str) -> str:
    """The work directory of a row of the table, below that of the demo.

    >>> folder_of('student, 3 labels a class + distillation')
    'student_3_labels_a_class_distillation'
    """
    return name.replace(',', '').replace(' + ', ' ').replace(' ', '_')


def experiment(
    config_name: str, name: str, *, work_dir: Path, data: tuple[Path, Path], seed: int, options: Mapping | None = None
) -> Config:
    """The config of one row of the table, on the data just written."""
    config = Config.fromfile(find_config(config_name))
    folder = folder_of(name)
    videos, annotations = map(str, data)
    datasets = ['test_dataloader.dataset.datasets.0', 'test_dataloader.dataset.datasets.1']
    datasets += ['train_dataloader.dataset'] if config.get('train_dataloader') else []
    config.merge_from_dict(
        {
            f'{dataset}.{key}': value
            for dataset in datasets
            for key, value in (('data_root', videos), ('ann_file', annotations))
        }
    )
    # mmengine's log would hide the demo's own few lines; scalars are still recorded below the work directory.
    config.merge_from_dict(
        {
            'work_dir': str(work_dir / folder),
            'experiment_name': f'{folder}_{time.time_ns()}',
            'randomness.seed': seed,
            'log_level': 'WARNING',
            **(options or {}),
        }
    )
    return config


class ProgressHook(Hook):
    """A bar instead of a log."""

    def before_train_epoch(self, runner: Runner) -> None:  # which is once; other hooks warn in before_train
        self.bar = Progress(runner.max_iters, what='steps')

    def after_train_iter(self, runner: Runner, batch_idx: int, data_batch=None, outputs=None) -> None:
        self.bar.update()

    def after_train(self, runner: Runner) -> None:
        self.bar.close()


def train(config: Config) -> str:
    """Train a student; returns its checkpoint."""
    runner = build_runner(config)
    runner.register_hook(ProgressHook())
    record_command(runner.work_dir)
    runner.train()
    return str(Path(runner.work_dir) / f'iter_{runner.max_iters}.pth')


def train_image_teacher(config: Config, out: Path, *, steps: int, seed: int) -> None:
    """Train the recognizer of ``config`` on still images of the training digits and write its weights to ``out``."""
    set_random_seed(seed)
    network = MODELS.build(config.model.student.to_dict())
    network.init_weights()
    network.to(get_device())
    train_on_stills(
        network,
        lambda images: image_logits(network, images),
        steps=steps,
        seed=seed,
        crop_pixels=(CROP_PIXELS, CROP_PIXELS),
    )
    save_aside({'state_dict': network.state_dict()}, out)


def image_logits(network: nn.Module, images: Tensor) -> Tensor:
    """(N, K) of a 2D recognizer for images (N, H, W, 3), uint8 RGB."""
    preprocessor = cast(ActionDataPreprocessor, network.data_preprocessor)
    view = View(size=TEACHER_PIXELS, mean=preprocessor.mean.flatten().tolist(), std=preprocessor.std.flatten().tolist())
    frames = view.render(images.permute(0, 3, 1, 2).unsqueeze(2)).transpose(1, 2)  # (N, 1, 3, H, W)
    return network(frames, mode='tensor', stage='head')


def table(rows: Sequence[Mapping]) -> str:
    """The rows as text, in percent; a dash where a row has no such number.

    >>> row = {'name': 'a', 'acc/top1': 0.5, 'retrieval/top1': 1.0, 'acc/chance': 0.1}
    >>> table([row]).splitlines()[-1].split()
    ['a', '50.0', '–', '100.0', '–', '10.0', '/', '–', '/', '–']
    """
    lines = [
        [
            row['name'],
            *(percent(row.get(key)) for key in COLUMNS.values()),
            ' / '.join(percent(row.get(key)) for key in CHANCES),
        ]
        for row in rows
    ]
    return table_text(lines, header=['', *COLUMNS, 'chance of top-1 / r@1 / r@5'])


def percent(share: float | None) -> str:
    """A share as text."""
    return '–' if share is None else f'{100 * share:.1f}'


def cpu_seconds() -> float:
    """User and system time of this process and of its children that have ended."""
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def versions() -> dict[str, str]:
    """Of Python and of the packages that the numbers depend on."""
    packages = ('kdtoolbox', 'torch', 'torchvision', 'mmengine', 'mmaction2', 'numpy', 'scikit-learn')
    return {'python': platform.python_version(), **{package: version(package) for package in packages}}
