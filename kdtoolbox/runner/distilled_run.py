"""Running what ``kdtoolbox distill`` wrote: training, test, student folder, features, pictures."""

import json
from collections.abc import Mapping
from pathlib import Path
from shlex import quote
from typing import cast

import torch
from mmengine.config import Config

from kdtoolbox import terminal
from kdtoolbox.config_files.reading import read_config
from kdtoolbox.deployment.drawing import save_picture, strips
from kdtoolbox.deployment.student import Student, load_student, nearest
from kdtoolbox.deployment.student_folder import CARD, write_student_folder
from kdtoolbox.deployment.student_parts import FEATURES_IN_A_RUN, STUDENT_IN_A_RUN
from kdtoolbox.deployment.video_samples import VideoPart
from kdtoolbox.engine.whole_checkpoints import newest_whole_checkpoint
from kdtoolbox.evaluation.feature_file import UNLABELLED, VideoFeatures, save_features
from kdtoolbox.feature_extraction.probe import fit_probe
from kdtoolbox.plain_files import read_json
from kdtoolbox.provenance import write_metrics
from kdtoolbox.recipes.choosing import BASELINE_CONFIG, CONFIG
from kdtoolbox.recipes.config_text import SPLIT, WORK_DIR
from kdtoolbox.reporting.html_report import write_report
from kdtoolbox.reporting.runs import read_run
from kdtoolbox.reporting.sections.accuracies import accuracy_rows
from kdtoolbox.runner.measure_run import measure_run
from kdtoolbox.runner.testing import measure_student
from kdtoolbox.runner.training import resume_from, train
from kdtoolbox.safe_files import load_safely, write_aside

METRICS, NEAREST, REPORT = 'metrics.json', 'nearest.png', 'report.html'
NOT_MEASURED = 'not_measured.json'  # why metrics are missing; there only if some are
QUERIES_DRAWN, NEIGHBOURS_DRAWN = 6, 3


def finish_run(out: Path) -> Student:
    """Do what of a run is not done yet, and say where everything is.

    Args:
        out: the folder, with the config in it.

    Raises:
        ValueError: the folder was moved since its config was written; or as training, test and export.
    """
    config = read_config(out / CONFIG)
    _check_place(out, Path(config.work_dir))
    config.launcher = 'none'
    probe = config.model.teacher.get('probe')
    if probe and not Path(probe).is_file():
        accuracy = fit_probe(config, probe)
        terminal.say(f'the probe of the teacher: {100 * accuracy:.1f} % on the labelled views that it was fitted on')
    if not is_trained(config):
        resume_from(config, 'auto')
        train(config)
    checkpoint = newest_whole_checkpoint(config.work_dir)
    if checkpoint is None:
        raise ValueError(f'{config.work_dir} has no checkpoint: start again, with another --out')
    _finish_student(out, config, checkpoint)
    student, metrics = load_student(out / STUDENT_IN_A_RUN), cast(dict, read_json(out / METRICS))
    baseline = _train_baseline(out) if (out / BASELINE_CONFIG).is_file() else None
    ends = [checkpoint, newest_whole_checkpoint(baseline)] if baseline else [checkpoint]
    if not _is_newer(out / REPORT, out / METRICS, *filter(None, ends)):
        _report(config.work_dir, out / REPORT, baseline=baseline, is_measured=bool(metrics))
    _tell(out, student, metrics)
    if metrics:
        _compare(config.work_dir, baseline)
    return student


def _check_place(out: Path, work_dir: Path) -> None:
    """Refuse to train in a folder that is gone while the run is here."""
    if not work_dir.is_dir() and (out / WORK_DIR).is_dir() and work_dir.parent != out:
        raise ValueError(
            f'{out / CONFIG} trains in {work_dir}, which is gone, and a training is in {out / WORK_DIR}: was the '
            f'folder moved? Move it back to {work_dir.parent}, or write {out} for that in the paths of config.py and '
            'baseline.py'
        )


def _finish_student(out: Path, config: Config, checkpoint: str) -> None:
    """Metrics, student folder, features, picture of neighbours: what is older than its sources."""
    database = cast(dict, read_json(out / SPLIT))['database']
    is_current = _is_newer(out / METRICS, checkpoint)
    if not is_current or (out / NOT_MEASURED).is_file():
        metrics = _measure(config, checkpoint, out / NOT_MEASURED)
        if not is_current or metrics != read_json(out / METRICS):  # else all that is made of them stays
            write_metrics(out / METRICS, metrics, None)
    if not _is_newer(out / STUDENT_IN_A_RUN / CARD, checkpoint, out / METRICS):
        write_student_folder(
            checkpoint,
            out / STUDENT_IN_A_RUN,
            metrics=cast(dict, read_json(out / METRICS)),
            protocol=_protocol(config, database),
            facts=_facts(config, database),
            imports=(config.get('custom_imports') or {}).get('imports', ()),
        )
    if not _is_newer(out / FEATURES_IN_A_RUN, checkpoint):
        features = _embed(load_student(out / STUDENT_IN_A_RUN), config, database)
        if not config.source.get('frames'):
            _draw_nearest(features, database, Path(config.data_root), out / NEAREST)
        save_features(features, out / FEATURES_IN_A_RUN)  # last, as that says that the picture is there too


def _is_newer(file: Path, *sources: str | Path) -> bool:
    return file.is_file() and all(file.stat().st_mtime_ns > Path(source).stat().st_mtime_ns for source in sources)


def _train_baseline(out: Path) -> str:
    """Train the same student without the teacher, unless it is trained already; returns its work directory."""
    config = read_config(out / BASELINE_CONFIG)
    config.launcher = 'none'
    if not is_trained(config):
        terminal.say('\nthe baseline: the same student without the teacher')
        resume_from(config, 'auto')
        train(config)
    return config.work_dir


def is_trained(config: Config) -> bool:
    """Whether the newest checkpoint is that of the last epoch."""
    newest = newest_whole_checkpoint(config.work_dir) if Path(config.work_dir).is_dir() else None
    if newest is None:
        return False
    epoch = load_safely(newest, what='checkpoint').get('meta', {}).get('epoch', 0)
    return epoch >= config.train_cfg.max_epochs


def _measure(config: Config, checkpoint: str, not_measured: Path) -> dict[str, float]:
    """The metrics of the test; why others could not be computed is said, and written to a file."""
    if not config.test_evaluator:
        return {}
    metrics, failures = measure_student(config, checkpoint)
    for failure in failures:
        terminal.say(f'not measured: {failure}')
    if failures:
        write_aside(not_measured, json.dumps([str(failure) for failure in failures], indent=2))
    else:
        not_measured.unlink(missing_ok=True)
    return {name: float(value) for name, value in metrics.items()}


def _embed(student: Student, config: Config, database: Mapping) -> VideoFeatures:
    root = Path(config.data_root)
    parts = [VideoPart(name, root / name) for name in database]
    found = student.video_features(parts, num_workers=config.test_dataloader.num_workers)
    roles = ['query' if database[name]['subset'] == 'validation' else 'gallery' for name in found.sample_ids]
    origin = {**found.provenance, 'videos': str(root)}
    named = {name: entry['annotations']['label'] for name, entry in database.items() if 'annotations' in entry}
    classes = sorted(set(named.values()))
    labels = [classes.index(named[name]) if name in named else UNLABELLED for name in found.sample_ids]
    return VideoFeatures(found.features, torch.tensor(labels), found.sample_ids, roles, classes, origin)


def _draw_nearest(features: VideoFeatures, database: Mapping, root: Path, out: Path) -> None:
    """A picture of held-out videos, each with the videos to learn from that are nearest to it."""
    places = {role: [i for i, its in enumerate(features.roles) if its == role] for role in ('query', 'gallery')}
    if not places['query'] or not places['gallery']:
        return
    gallery = VideoFeatures(
        features.features[places['gallery']],
        features.labels[places['gallery']],
        [features.sample_ids[i] for i in places['gallery']],
        ['gallery'] * len(places['gallery']),
    )
    step = max(1, len(places['query']) // QUERIES_DRAWN)  # from all over, as names are sorted by class
    rows = []
    for place in places['query'][::step][:QUERIES_DRAWN]:
        name = features.sample_ids[place]
        rows.append((f'held out: {name}', root / name))
        for other, cosine in nearest(features.features[place], gallery, topk=NEIGHBOURS_DRAWN):
            labels = [(database[one].get('annotations') or {}).get('label') for one in (name, other)]
            mark = '' if None in labels else ' (right)' if labels[0] == labels[1] else ' (another class)'
            rows.append((f'    {cosine:.3f}  {other}{mark}', root / other))
    save_picture(strips(rows), out)


def _report(work_dir: str, out: Path, *, baseline: str | None, is_measured: bool) -> None:
    """The report on the training; without labels it has no more than the curves. The student is there without it."""
    try:
        for folder in (work_dir, baseline) if is_measured else ():
            for problem in measure_run(folder) if folder else ():
                terminal.say(f'not in the report: {problem}')
        write_report([work_dir], out, baseline=baseline)
    except ValueError as error:
        terminal.say(f'no report: {error}')


def _compare(work_dir: str, baseline: str | None) -> None:
    """Print the accuracies of the report: student, teacher, baseline, chance, with intervals."""
    header, rows = accuracy_rows(read_run(work_dir), read_run(baseline) if baseline else None)
    if rows:
        terminal.say('\n' + terminal.table_text(rows, header=header))


def _protocol(config: Config, database: Mapping) -> dict[str, str]:
    subsets = [entry['subset'] for entry in database.values()]
    sampler = next(one for one in _test_pipeline(config) if one['type'] == 'SampleClipsEvenly')
    return {
        'data': Path(config.data_root).name,
        'queries': f'{subsets.count("validation")} held-out videos',
        'gallery': _gallery(database),
        'clips': f'{sampler["num_clips"]} of {sampler["clip_len"]} frames, every {sampler["frame_stride"]}',
        'weights': 'of the last epoch, not chosen by these numbers',
    }


def _gallery(database: Mapping) -> str:
    """The videos that it learned from; where some have a label, those without cannot be searched for a class."""
    training = [entry for entry in database.values() if entry['subset'] == 'training']
    labelled = [entry for entry in training if 'annotations' in entry]
    if not labelled or len(labelled) == len(training):
        return f'{len(training)} videos that it learned from'
    return f'{len(labelled)} videos with a label, of {len(training)} that it learned from'


def _facts(config: Config, database: Mapping) -> dict[str, str]:
    teacher = config.model.teacher
    network = teacher.get('model') or teacher.get('recognizer')
    labelled = sum('annotations' in entry for entry in database.values())
    return {
        'teacher': network if isinstance(network, str) else str(network.get('type')),
        'terms': ', '.join(f'{name} ({term["loss"]["type"]})' for name, term in config.model.terms.items()),
        'data': f'{len(database)} videos of {Path(config.data_root).name}, {labelled} with a label'
        + ('' if config.model.use_labels else ', which were not used'),
    }


def _test_pipeline(config: Config) -> list:
    dataset = config.test_dataloader.dataset
    return (dataset.get('datasets') or [dataset])[0]['pipeline']


def _tell(out: Path, student: Student, metrics: Mapping[str, float]) -> None:
    rows = [('student', f'{out / STUDENT_IN_A_RUN}, with a model card'), ('features', str(out / FEATURES_IN_A_RUN))]
    if (out / NEAREST).is_file():
        rows.append(('look at', str(out / NEAREST)))
    if (out / REPORT).is_file():
        rows.append(('report', str(out / REPORT)))
    shown = {name: value for name, value in metrics.items() if name.endswith('/top1')}
    if shown:
        rows.append(('measured', ', '.join(f'{name} {100 * value:.1f} %' for name, value in shown.items())))
    if student.learned_classes:
        rows.append(('next', f'kdtoolbox predict {quote(str(out))} VIDEO'))
    rows.append(('next', f'kdtoolbox search VIDEO --in {quote(str(out))} --draw nearest.png'))
    terminal.say('\n' + terminal.table_text(rows, num_left=2))
