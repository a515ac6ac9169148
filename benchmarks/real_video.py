"""Does distilling pay? An image teacher, a small 3D student, real videos, every row through the ordinary Runner.

    python benchmarks/real_video.py --root DIR --train-list train.txt --test-list test.txt \
        --teacher mobilenet_v2 --teacher-weights FILE --seeds 0 1 2 --out results.json

Lists hold lines ``Class/v_Class_gXX_cYY.avi``. Retrieval: gallery = training videos, queries = test videos, mean of the
pooled features of evenly spaced clips, cosine distance. Rows and settings: benchmarks/real_video_config.py and ROWS.
"""

import argparse
import json
import logging
import statistics
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import mmengine
import torch
from mmengine.config import Config
from mmengine.device import get_device
from mmengine.hooks import Hook
from mmengine.registry import init_default_scope
from mmengine.runner import Runner

from kdtoolbox.datasets.video_lists import read_list
from kdtoolbox.evaluation import fit_linear_probe, retrieval_topk
from kdtoolbox.evaluation.clip_retrieval import chance_topk
from kdtoolbox.feature_extraction.probe import fit_probe, video_features
from kdtoolbox.registry import DATASETS, MODELS
from kdtoolbox.runner.demo_comparison import cpu_seconds
from kdtoolbox.runner.testing import test_student
from kdtoolbox.runner.training import build_runner
from kdtoolbox.safe_files import write_aside

TOPK = (1, 5, 10)
COLUMNS = [f'retrieval/top{k}' for k in TOPK] + ['acc/top1']


def feature_term(config: Config, teacher_channels: int) -> dict:
    """L2 between the student's features, projected, and the teacher's, standardised."""
    return dict(
        student='features',
        teacher='features',
        loss=dict(type='L2'),
        student_connector=dict(
            type='LinearProjection',
            in_channels=config.model.student.cls_head.in_channels,
            out_channels=teacher_channels,
        ),
        teacher_connector=dict(type='Standardize', channels=teacher_channels),
    )


PROBE_TERM = dict(student='logits', teacher='logits', loss=dict(type='KLDivergence', temperature=2.0))
# What each trained row has: labels (how many a class; None is all), terms, and whether unlabelled videos are used too.
ROWS = {
    'student, distilled without labels': dict(use_labels=False, terms=['features']),
    'student, {n} labels a class': dict(labels='few'),
    'student, {n} labels a class + distillation': dict(labels='few', terms=['features']),
    'student, {n} labels a class + probed teacher on all videos': dict(
        labels='few', unlabelled='keep', terms=['probe']
    ),
    'student, all labels': dict(),
    'student, all labels + distillation': dict(terms=['features']),
}


def base_config(args: argparse.Namespace, seed: int, work_dir: Path) -> Config:
    """The shared config with the paths, classes and teacher of the command line."""
    config = Config.fromfile(Path(__file__).with_name('real_video_config.py'))
    lists = {role: read_list(file)[0] for role, file in (('gallery', args.train_list), ('query', args.test_list))}
    classes = sorted({annotation.label for annotations in lists.values() for annotation in annotations})
    config.source = dict(type='UCF101Dataset', data_root=args.root, metainfo=dict(classes=classes), seed=seed)
    config.work_dir, config.randomness, config.launcher = str(work_dir), dict(seed=seed), 'none'
    config.num_classes = len(classes)
    config.model.student.cls_head.num_classes = len(classes)
    config.model.teacher.model = f'torchvision.{args.teacher}'
    config.model.teacher.weights = args.teacher_weights
    if args.student == 'image_stem':
        use_image_stem(config)
    config.train_list, config.test_list = args.train_list, args.test_list
    config.train_dataloader.dataset = dict(config.source, ann_file=args.train_list, pipeline=config.train_pipeline)
    for name in ('val_dataloader', 'test_dataloader'):
        config[name].dataset.datasets = both_roles(config, config.val_pipeline)
    if args.epochs is not None:
        config.train_cfg.max_epochs = args.epochs
    return config


def use_image_stem(config: Config) -> None:
    """Take the first layers of the teacher as the student's, which then needs its pictures at 112 pixels."""
    teacher = config.model.teacher
    config.model.student.backbone = dict(
        type='ImageStem3D', image_model=teacher.model, last_layer='features.6', weights=teacher.weights
    )
    config.model.student.cls_head.in_channels = 256
    config.model.student_view.size = 112
    for transform in config.val_pipeline:
        if transform['type'] == 'Resize':
            transform['scale'] = (-1, 128)
        elif transform['type'] == 'CenterCrop':
            transform['crop_size'] = 112


def both_roles(config: Config, pipeline: list) -> list[dict]:
    """The training videos as gallery and the test videos as queries."""
    return [
        dict(config.source, ann_file=ann_file, role=role, pipeline=pipeline, test_mode=True)
        for role, ann_file in (('gallery', config.train_list), ('query', config.test_list))
    ]


class KeepMetricsHook(Hook):
    """Keeps the metrics of the validation with which mmengine ends every training."""

    def __init__(self, metrics: dict) -> None:
        self.metrics = metrics

    def after_val_epoch(self, runner: Runner, metrics: dict | None = None) -> None:
        self.metrics.update(metrics)


def train_row(config: Config, row: Mapping, *, labels_per_class: int, teacher_channels: int) -> dict[str, float]:
    """Train a row and evaluate its student; rows with fewer videos take as many steps as those with all."""
    steps_of_all = config.train_cfg.max_epochs * (len(build_dataset(config)) // config.batch_size)
    if row.get('labels') == 'few':
        config.train_dataloader.dataset.update(
            labels_per_class=labels_per_class, unlabelled=row.get('unlabelled', 'drop')
        )
    num_videos = len(build_dataset(config))
    config.train_dataloader.batch_size = min(config.batch_size, num_videos)
    steps_an_epoch = num_videos // config.train_dataloader.batch_size
    config.train_cfg.max_epochs = -(-steps_of_all // steps_an_epoch)
    steps = config.train_cfg.max_epochs * steps_an_epoch
    warmup = max(1, int(config.warmup_share * steps))
    if steps > warmup:
        config.param_scheduler = [
            dict(type='LinearLR', start_factor=1 / warmup, begin=0, end=warmup, by_epoch=False),
            dict(type='CosineAnnealingLR', begin=warmup, end=steps, T_max=steps - warmup, by_epoch=False),
        ]
    config.model.use_labels = row.get('use_labels', True)
    terms = {'features': feature_term(config, teacher_channels), 'probe': PROBE_TERM}
    config.model.terms = {name: terms[name] for name in row.get('terms', [])}
    if 'probe' in config.model.terms:
        probe_file = Path(config.work_dir) / 'probe.pth'
        fit_probe(with_dropped_unlabelled(config), probe_file)
        config.model.teacher.probe = str(probe_file)
    config.experiment_name = f'{Path(config.work_dir).parent.name}-{Path(config.work_dir).name}-{time.time_ns()}'
    runner = build_runner(config)
    metrics = {}
    runner.register_hook(KeepMetricsHook(metrics))
    runner.train()
    if not config.model.use_labels:
        metrics = {name: value for name, value in metrics.items() if not name.startswith('acc/')}
    return metrics


def with_dropped_unlabelled(config: Config) -> Config:
    """The config whose training set holds the labelled videos alone."""
    config = Config(config.to_dict())
    config.train_dataloader.dataset.unlabelled = 'drop'
    config.train_dataloader.drop_last = False
    return config


def build_dataset(config: Config):
    """The training set of a config."""
    return DATASETS.build(config.train_dataloader.dataset.to_dict())


def teacher_rows(config: Config, labels_per_class: int) -> tuple[dict[str, dict], int]:
    """The teacher's frozen features, with a linear probe on few and on all labels; and their number."""
    teacher = MODELS.build(config.model.teacher.to_dict()).to(get_device())
    vectors = {}
    for part in both_roles(config, config.teacher_pipeline):
        loader = Runner.build_dataloader(
            dict(
                batch_size=8,
                num_workers=2,
                dataset=part,
                sampler=dict(type='DefaultSampler', shuffle=False, round_up=False),
            )
        )
        vectors[part['role']] = video_features(teacher, loader)
    (gallery, gallery_labels, sample_ids), (queries, query_labels, _) = vectors['gallery'], vectors['query']
    shares = retrieval_topk(queries, query_labels, gallery, gallery_labels, TOPK)
    chances = chance_topk(query_labels, gallery_labels, TOPK)
    retrieval = {f'retrieval/top{k}': shares[k] for k in TOPK}
    rows = {'chance': {**{f'retrieval/top{k}': chances[k] for k in TOPK}, 'acc/top1': 1 / config.num_classes}}
    few = Config(config.to_dict())
    few.train_dataloader.dataset.update(labels_per_class=labels_per_class)
    labelled = build_dataset(few)
    chosen = {labelled.get_data_info(index)['sample_id'] for index in range(len(labelled))}
    for name, kept in (
        (
            f'teacher, frozen features; probe on {labels_per_class} labels a class',
            [sample_id in chosen for sample_id in sample_ids],
        ),
        ('teacher, frozen features; probe on all labels', [True] * len(sample_ids)),
    ):
        kept = torch.tensor(kept)
        weight, bias = fit_linear_probe(gallery[kept], gallery_labels[kept], num_classes=config.num_classes)
        accuracy = ((queries @ weight.T + bias).argmax(1) == query_labels).double().mean().item()
        rows[name] = {**retrieval, 'acc/top1': accuracy}
    return rows, gallery.shape[1]


def run_seed(args: argparse.Namespace, seed: int, work_dir: Path) -> dict[str, dict[str, float]]:
    """All rows of one seed: name -> metric -> value."""
    rows, teacher_channels = teacher_rows(base_config(args, seed, work_dir), args.labels_per_class)
    config = base_config(args, seed, work_dir / 'random')
    rows['student, random weights'] = {
        name: value for name, value in test_student(config, None).items() if name.startswith('retrieval/')
    }
    for name, row in chosen_rows(args).items():
        name = name.format(n=args.labels_per_class)
        row_start = time.monotonic()
        config = base_config(args, seed, work_dir / name.replace(' ', '_').replace(',', ''))
        rows[name] = train_row(config, row, labels_per_class=args.labels_per_class, teacher_channels=teacher_channels)
        print(
            f'seed {seed}: {name}: '
            + ', '.join(f'{column} {rows[name][column]:.3f}' for column in COLUMNS if column in rows[name])
            + f' ({time.monotonic() - row_start:.0f} s)',
            flush=True,
        )
    return rows


def chosen_rows(args: argparse.Namespace) -> dict[str, dict]:
    """Of ROWS, those whose name holds one of the words asked for."""
    return {name: row for name, row in ROWS.items() if not args.rows or any(word in name for word in args.rows)}


def table(results: Mapping[str, Mapping[str, Mapping[str, float]]]) -> str:
    """Mean ± standard deviation over the seeds, as Markdown."""
    lines = [
        '| | '
        + ' | '.join(column.replace('retrieval/', 'retrieval ').replace('acc/', '') for column in COLUMNS)
        + ' |',
        '|---' * (len(COLUMNS) + 1) + '|',
    ]
    for name in next(iter(results.values())):
        cells = []
        for column in COLUMNS:
            values = [rows[name][column] for rows in results.values() if column in rows[name]]
            spread = f' ± {100 * statistics.stdev(values):.1f}' if len(values) > 1 else ''
            cells.append(f'{100 * statistics.mean(values):.1f}{spread}' if values else '–')
        lines.append(f'| {name} | ' + ' | '.join(cells) + ' |')
    return '\n'.join(lines)


def finished_seeds(out: Path, settings: Mapping) -> dict[str, dict]:
    """What an earlier run with the same settings left in ``out``, so that a run can be broken off and gone on with."""
    if not out.is_file():
        return {}
    content = json.loads(out.read_text(encoding='utf-8'))
    if content['settings'] != settings:
        raise SystemExit(f'{out} holds results of other settings: move it away, or choose another --out')
    return content['seeds']


def settings_of(args: argparse.Namespace) -> dict:
    """What the numbers depend on: the contents of the lists and of the config, not where they lie."""
    texts = {
        name: Path(getattr(args, name)).read_text(encoding='utf-8').split() for name in ('train_list', 'test_list')
    }
    return dict(
        teacher=args.teacher,
        teacher_weights=Path(args.teacher_weights).name,
        epochs=args.epochs,
        labels_per_class=args.labels_per_class,
        student=args.student,
        rows={name: dict(row) for name, row in chosen_rows(args).items()},
        **texts,
        config=Path(__file__).with_name('real_video_config.py').read_text(encoding='utf-8'),
    )


def report(results: Mapping[str, Mapping], seeds: Sequence[str]) -> str:
    """Time and device of each seed, and the table."""
    lines = [
        'seed {}: {seconds} s, {cpu_seconds} s of CPU; {device}, {threads} threads, torch {torch}'.format(
            seed, **results[seed]
        )
        for seed in seeds
    ]
    return '\n'.join([*lines, table({seed: results[seed]['rows'] for seed in seeds})])


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--root', nargs='+', required=True, help='folder of the videos, or several')
    parser.add_argument('--train-list', required=True)
    parser.add_argument('--test-list', required=True)
    parser.add_argument('--teacher', required=True, help='a name of torchvision.models')
    parser.add_argument('--teacher-weights', required=True, help='file, URL or torchvision name')
    parser.add_argument('--epochs', type=int, help='over all training videos; default that of the config')
    parser.add_argument('--student', choices=('r3d', 'image_stem'), default='r3d')
    parser.add_argument('--rows', nargs='+', help='only trained rows whose name holds one of these words')
    parser.add_argument('--seeds', type=int, nargs='+', default=[0])
    parser.add_argument('--labels-per-class', type=int, default=3)
    parser.add_argument('--work-dir', default='work_dirs/real_video')
    parser.add_argument('--out', required=True, help='JSON of all numbers')
    args = parser.parse_args(arguments)
    init_default_scope('kdtoolbox')
    logging.getLogger('mmengine').setLevel(logging.WARNING)
    settings = settings_of(args)
    results = finished_seeds(Path(args.out), settings)
    for seed in args.seeds:
        if str(seed) not in results:
            start, cpu_start = time.monotonic(), cpu_seconds()
            rows = run_seed(args, seed, Path(args.work_dir) / f'seed{seed}')
            results[str(seed)] = dict(
                rows=rows,
                seconds=round(time.monotonic() - start),
                cpu_seconds=round(cpu_seconds() - cpu_start),
                device=torch.cuda.get_device_name() if torch.cuda.is_available() else 'CPU',
                threads=torch.get_num_threads(),
                torch=torch.__version__,
                mmengine=mmengine.__version__,
            )
            write_aside(args.out, json.dumps(dict(settings=settings, seeds=results), indent=2))
    print(report(results, [str(seed) for seed in args.seeds]))


if __name__ == '__main__':
    main()
