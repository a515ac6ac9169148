"""Evaluate a student: from a training checkpoint or an exported one."""

import argparse
import difflib
import sys
from collections.abc import Mapping, Sequence
from itertools import zip_longest
from pathlib import Path

from mmengine.config import Config
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner

from kdtoolbox.cli.arguments.test import EVALUATIONS
from kdtoolbox.cli.train import build_runner
from kdtoolbox.config_files.evaluators import metric_configs
from kdtoolbox.config_files.overriding import load_config
from kdtoolbox.engine.checkpoints import check_same_tensors, load_checkpoint, student_state_dict
from kdtoolbox.provenance import config_name, named_by_content, origin_of, write_metrics
from kdtoolbox.safe_files import check_writable

FAILED = 2  # exit status where a metric could not be computed
OF_FEATURES = {'ClipRetrieval', 'KNNAccuracy', 'LinearProbeAccuracy'}  # which need not know the student's classes


def run(args: argparse.Namespace) -> int:
    if args.neighbours is not None and 'knn' not in (args.eval or ()):
        raise ValueError('--neighbours is for --eval knn, which is not used')
    check_writable(args.out)
    config = load_config(args)
    if args.eval:
        config.test_evaluator = evaluators(config, args.eval, num_neighbours=args.neighbours)
    metrics, failures = measure_student(config, args.checkpoint, local_rank=args.local_rank)
    if args.out:
        write_metrics(args.out, metrics, origin_of(config_name(config), named_by_content(args.checkpoint)))
    for error in failures:
        print(f'kdtoolbox test: not measured: {error}', file=sys.stderr)
    return FAILED if failures else 0


def evaluators(config: Config, names: Sequence[str], *, num_neighbours: int | None = None) -> list[dict]:
    """Configs of the metrics that :data:`EVALUATIONS` names; where the config has one of them, with its settings.

    Args:
        num_neighbours: of k-NN, instead of the config's.

    Raises:
        ValueError: a name is unknown, or agreement is asked for and the config has no teacher.
    """
    unknown = [name for name in names if name not in EVALUATIONS]
    if unknown:
        nearest = [f', did you mean {name}?' for name in difflib.get_close_matches(unknown[0], EVALUATIONS, n=1)]
        raise ValueError(f'--eval {unknown[0]!r}: expected any of {", ".join(EVALUATIONS)}{"".join(nearest)}')
    known = {metric['type']: metric for metric in metric_configs(config.get('test_evaluator'))}
    chosen = []
    for name in dict.fromkeys(names):
        metric = dict(known.get(EVALUATIONS[name], {'type': EVALUATIONS[name]}))
        if name == 'confusion':
            metric.setdefault('out', str(Path(config.work_dir) / 'confusion.json'))
        if name == 'knn' and num_neighbours is not None:
            metric['num_neighbours'] = num_neighbours
        chosen += _agreements(config, metric) if name == 'agreement' else [metric]
    return chosen


def _agreements(config: Config, metric: Mapping) -> list[dict]:
    """The metric for each teacher of the config; with several, their names are in the keys."""
    teacher = metric.get('teacher') or config.model.get('teacher')
    if not teacher:
        raise ValueError(
            '--eval agreement: the config has no model.teacher to agree with. Test with the config of the distillation'
        )
    if 'type' in teacher:
        return [{**metric, 'teacher': teacher}]
    return [{**metric, 'teacher': one, 'prefix': f'agreement_{name}'} for name, one in teacher.items()]


def test_student(config: Config, checkpoint: str | None, *, local_rank: int = 0) -> dict[str, float]:
    """Metrics of the student on the config's test set; of teachers only those that a metric has are built.

    Args:
        checkpoint: None tests the student with the weights it is built with.

    Raises:
        ValueError: there is no test set, the checkpoint is of another student, its classes are not the test set's, or a
            metric cannot be computed.
    """
    metrics, failures = measure_student(config, checkpoint, local_rank=local_rank)
    if failures:
        raise failures[0]
    return metrics


def measure_student(
    config: Config, checkpoint: str | None, *, local_rank: int = 0
) -> tuple[dict[str, float], list[ValueError]]:
    """As :func:`test_student`, but metrics that cannot be computed do not lose the others.

    Returns:
        The metrics, and the errors of those that failed.
    """
    if config.get('test_dataloader') is None:
        raise ValueError(
            'the config has no test_dataloader, so there is nothing to test on: add one with test_cfg and '
            'test_evaluator (in an experiment of the original schema, an eval section)'
        )
    config = without_teacher(config)
    if 'metrics' not in config.test_evaluator:  # else it is an evaluator of the config's choice
        config.test_evaluator = dict(type='IndependentEvaluator', metrics=metric_configs(config.test_evaluator))
    runner = build_runner(config, local_rank=local_rank)
    if checkpoint is None:
        runner.model.init_weights()
    else:
        check_classes(runner, load_student(runner, checkpoint))
    metrics = runner.test()
    return metrics, list(getattr(runner.test_loop.evaluator, 'failures', {}).values())


def check_classes(runner: Runner, learned: Sequence[str] | None) -> None:
    """Refuse to compare scores of the classes that the student has learned with labels that mean others.

    Args:
        learned: as :func:`load_student` gives them.

    Raises:
        ValueError: the classes differ, and a metric reads scores.
    """
    model = runner.model.module if is_model_wrapper(runner.model) else runner.model
    head = getattr(getattr(model, 'student', model), 'cls_head', None)
    tested = getattr(runner.test_loop.dataloader.dataset, 'metainfo', {}).get('classes')
    # A student that learned without labels has outputs of another number, the teacher's.
    if not learned or not tested or getattr(head, 'num_classes', None) != len(learned) or list(tested) == list(learned):
        return
    of_scores = [
        type(metric).__name__
        for metric in runner.test_loop.evaluator.metrics
        if type(metric).__name__ not in OF_FEATURES
    ]
    if of_scores:
        one, other = next(pair for pair in zip_longest(learned, tested) if pair[0] != pair[1])
        raise ValueError(
            f'{of_scores[0]}: the {len(learned)} classes that the checkpoint has learned are not the '
            f'{len(tested)} of the test set, in the same order: first {one!r} and {other!r}, so that '
            "labels would mean other classes. Give the test set the checkpoint's, metainfo=dict(classes="
            '[…]), or measure features alone: --eval retrieval knn linear'
        )


def without_teacher(config: Config) -> Config:
    """The config of the same student with no teacher and no terms, whatever distiller it had, for testing.

    Models without a ``student`` are left as they are.
    """
    config = Config(config.to_dict())
    if config.model.get('student') is not None:
        config.model = dict(
            type='Distiller', student=config.model.student, student_view=config.model.get('student_view')
        )
    config.load_from, config.resume = None, False
    return config


def load_student(runner: Runner, checkpoint: str | Path) -> list[str] | None:
    """Load the student's weights into the model of ``runner``, every tensor of them.

    Returns:
        The classes of the data set that it was trained on, in label order, if the checkpoint tells.

    Raises:
        ValueError: the checkpoint is not there, not safe, or of another student.
    """
    model = runner.model.module if is_model_wrapper(runner.model) else runner.model
    student = getattr(model, 'student', model)
    content = load_checkpoint(checkpoint)
    state = student_state_dict(content)
    check_same_tensors(state, student.state_dict(), what=f'checkpoint {checkpoint}', model=type(student).__name__)
    student.load_state_dict(state, strict=True)
    meta = (content.get('meta') or {}).get('dataset_meta')
    return meta.get('classes') if isinstance(meta, Mapping) else None
