"""Does a video transformer between the image network and the edge pay on a few real clips?

    kdtoolbox prepare folder VIDEOS --group-separator _c --validation-share 0.28 --out split.json
    FOLDER_VIDEOS=VIDEOS FOLDER_ANNOTATIONS=split.json MOBILENET_V2_WEIGHTS=FILE python -m benchmarks.transformer_chain

Trains the chain stages/image_to_vit_tiny_to_r3d_folder, and beside it the same networks without parts of it, with a few
labels a class and with all. Each row is tested on the validation videos; differences are paired by video. What is there
in the work directory is not trained again. The videos are of six classes; of yours, see the chain's file.
"""

import argparse
import json
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path

import torch
from mmengine.registry import init_default_scope

from benchmarks.machine import machine
from benchmarks.transformer_chain_tables import differences_table, table
from kdtoolbox.config_files.finding import find_config
from kdtoolbox.config_files.reading import read_config
from kdtoolbox.feature_extraction.probe import fit_probe
from kdtoolbox.reporting.intervals import difference, share_of
from kdtoolbox.reporting.runs.outcomes import ACCURACY, RETRIEVAL1, TEACHER, Outcomes, outcomes_of
from kdtoolbox.reporting.runs.run import Run, read_run
from kdtoolbox.runner.demo_comparison import cpu_seconds
from kdtoolbox.runner.measure_run import measure_run
from kdtoolbox.runner.stages import Stage, read_plan, run_stages, stage_config
from kdtoolbox.safe_files import write_aside

RESULTS = Path(__file__).with_name('results') / 'transformer_chain.json'
PLAN = 'stages/image_to_vit_tiny_to_r3d_folder'
TRANSFORMER, EDGE = ('video_transformers/vit_tiny_finetune_folder', 'video_transformers/vit_tiny_to_r3d_folder')
DIRECT = str(Path(__file__).with_name('transformer_chain_config.py'))
WITHOUT_TEACHER = {'model.terms.kd.weight': 0, 'train_dataloader.dataset.unlabelled': 'drop'}
FEATURES_ALONE = {'model.use_labels': False, 'model.terms.kd.weight': 0, 'model.terms.features.weight': 1}
# Row -> folder; rows below are once for each number of labels.
LABEL_FREE = {'ViT, masked, from MobileNetV2’s map': 'masked', 'R3D from MobileNetV2’s features': 'direct'}
LABELLED = {
    'ViT, masked, then fine-tuned': 'fine_tuned',
    'ViT, labels alone, as many steps': 'vit_alone',
    'R3D from the fine-tuned ViT': 'edge',
    'R3D, labels alone': 'r3d_alone',
    'R3D from MobileNetV2 with a probe': 'probed',
}
TEACHER_ROW = 'MobileNetV2 with a probe'
COMPARED = [  # first less second
    ('ViT, masked, then fine-tuned', 'ViT, labels alone, as many steps'),
    ('R3D from the fine-tuned ViT', 'R3D, labels alone'),
    ('R3D from the fine-tuned ViT', 'R3D from MobileNetV2 with a probe'),
]
MEASURES = {'top-1': ACCURACY, 'retrieval@1': RETRIEVAL1}


def lone(name: str, config: str, options: Mapping, folder: Path) -> Path:
    """Train a row that is a stage of its own, unless it is there; where its student is."""
    return run_stages([Stage(name, config, options)], folder)[name]


def train_all(folder: Path, *, seed: int, labels: list[int | None], options: Mapping, parts: list[str]) -> None:
    """Train every row that is not there.

    Args:
        labels: numbers of labelled videos of a class; None for all.
        options: changes of every config.
        parts: ``'chain'`` and ``'alone'``, or one of them, so that two processes can share the work.
    """
    options = {'randomness.seed': seed, 'custom_hooks': without_test(), **options}
    plan = {stage.name: stage for stage in read_plan(find_config(PLAN))}
    if 'chain' in parts:
        with counted(folder / 'masked'):
            masked = run_stages([replace(plan['masked'], cfg_options=options)], folder)['masked']
    if 'alone' in parts:
        with counted(folder / 'direct'):
            lone('direct', DIRECT, {**options, **FEATURES_ALONE}, folder)
    for number in labels:
        place = folder / f'labels_{number or "all"}'
        chosen = {**options, 'train_dataloader.dataset.labels_per_class': number}
        if 'chain' in parts:
            with counted(place / 'fine_tuned'):
                tuned = lone('fine_tuned', plan['fine_tuned'].config, {**chosen, 'load_from': str(masked)}, place)
            with counted(place / 'edge'):
                lone('edge', plan['edge'].config, {**chosen, 'model.teacher.weights': str(tuned)}, place)
        if 'alone' in parts:
            with counted(place / 'vit_alone'):
                lone('vit_alone', TRANSFORMER, {**chosen, **as_long_as_both(plan, chosen)}, place)
            with counted(place / 'r3d_alone'):
                lone('r3d_alone', EDGE, {**chosen, **WITHOUT_TEACHER}, place)
            with counted(place / 'probed'):
                train_probed(chosen, place)


def without_test() -> list[dict]:
    """The hooks of the configs but that of the full test: each row is measured once, by the report's means."""
    hooks = read_config(find_config(EDGE)).custom_hooks
    return [hook.to_dict() for hook in hooks if hook.type != 'FullTestHook']


def as_long_as_both(plan: Mapping[str, Stage], options: Mapping) -> dict:
    """Options by which the transformer without the masked stage takes the steps of both: a fair start from nothing."""
    length = sum(
        stage_config(Stage(name, plan[name].config, options), {}).train_cfg.max_iters
        for name in ('masked', 'fine_tuned')
    )
    warmup, cosine = 'param_scheduler.0', 'param_scheduler.1'
    of_length = ('train_cfg.max_iters', 'default_hooks.checkpoint.interval', f'{cosine}.end', f'{cosine}.T_max')
    return dict.fromkeys(of_length, length) | dict.fromkeys((f'{warmup}.end', f'{cosine}.begin'), max(1, length // 20))


def train_probed(options: Mapping, folder: Path) -> None:
    """The R3D that MobileNetV2 teaches through a probe on the same labels, on all videos."""
    probe = folder / 'probe.pth'
    if not probe.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        labelled = {'train_dataloader.dataset.unlabelled': 'drop'}
        fit_probe(stage_config(Stage('probe', DIRECT, {**options, **labelled}), {}), probe)
    lone('probed', DIRECT, {**options, 'model.teacher.probe': str(probe)}, folder)


@contextmanager
def counted(folder: Path) -> Iterator[None]:
    """Note the processor's seconds of a training beside it, if it is done within."""
    start, was_there = cpu_seconds(), (folder / 'exported_student.pth').is_file()
    yield
    if not was_there:
        write_aside(folder / 'cpu_seconds.json', json.dumps(round(cpu_seconds() - start)))


def measured(folder: Path) -> Run:
    """A trained row with what its student and its teacher give for each test video."""
    measure_run(folder)
    return read_run(folder)


def results_of(folder: Path, labels: list[int | None]) -> dict:
    """All rows and differences."""
    rows, differences = [], []
    runs = {name: measured(folder / place) for name, place in LABEL_FREE.items()}
    rows.append(row_of('MobileNetV2’s features', None, outcomes_of(runs['R3D from MobileNetV2’s features'], TEACHER)))
    rows += [row_of(name, 'none', outcomes_of(run), run) for name, run in runs.items()]
    for number in labels:
        told = 'all' if number is None else f'{number} a class'
        runs = {name: measured(folder / f'labels_{number or "all"}' / place) for name, place in LABELLED.items()}
        known = {name: outcomes_of(run) for name, run in runs.items()}
        rows.append(row_of(TEACHER_ROW, told, outcomes_of(runs['R3D from MobileNetV2 with a probe'], TEACHER)))
        rows += [row_of(name, told, known[name], run) for name, run in runs.items()]
        for first, second in COMPARED:
            right = [known[name].right[ACCURACY] for name in (first, second)]
            differences.append({'first': first, 'second': second, 'labels': told, **asdict(difference(*right))})
    return {'rows': rows, 'differences': differences}


def row_of(name: str, labels: str | None, outcomes: Outcomes, run: Run | None = None) -> dict:
    """Shares of the test videos with their intervals, and the processor's seconds of the training."""
    row: dict = {'name': name, 'labels': labels, 'videos': len(outcomes.query_ids)}
    right = {name: outcomes.right[measure] for name, measure in MEASURES.items() if measure in outcomes.right}
    row |= {name: asdict(share_of(one)) for name, one in right.items()}
    if run is not None and (noted := run.work_dir / 'cpu_seconds.json').is_file():
        row['cpu_seconds'] = json.loads(noted.read_text(encoding='utf-8'))
    return row


def main(arguments: list[str] | None = None, *, options: Mapping | None = None) -> None:
    """Train, measure, print, write.

    Args:
        options: changes of every config, for tests.
    """
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--labels-per-class', nargs='+', default=['3', 'all'], metavar='N', help="numbers, or 'all'")
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--work-dir', type=Path, default=Path('work_dirs/transformer_chain'))
    parser.add_argument('--part', choices=['chain', 'alone'], help='train these rows only, beside another process')
    parser.add_argument('--out', type=Path, default=RESULTS)
    args = parser.parse_args(arguments)
    init_default_scope('kdtoolbox')
    logging.getLogger('mmengine').setLevel(logging.WARNING)
    labels = [None if number == 'all' else int(number) for number in args.labels_per_class]
    parts = [args.part] if args.part else ['chain', 'alone']
    train_all(args.work_dir, seed=args.seed, labels=labels, options=options or {}, parts=parts)
    if args.part:
        return
    content = {
        'machine': machine(torch.device('cuda' if torch.cuda.is_available() else 'cpu')),
        'seed': args.seed,
        **results_of(args.work_dir, labels),
    }
    write_aside(args.out, json.dumps(content, indent=1, ensure_ascii=False))
    print(table(content), differences_table(content), sep='\n\n')


if __name__ == '__main__':
    main()
