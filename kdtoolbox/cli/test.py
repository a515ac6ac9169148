"""Evaluate a student: from a training checkpoint or an exported one."""

import argparse
import difflib
from collections.abc import Mapping, Sequence
from pathlib import Path

from mmengine.config import Config
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner

from kdtoolbox.cli.configs import add_config_arguments, load_config
from kdtoolbox.cli.provenance import config_name, named_by_content, told_of, write_metrics
from kdtoolbox.cli.train import build_runner
from kdtoolbox.engine.checkpoints import check_same_tensors, student_state_dict
from kdtoolbox.safe_files import load_safely

# What --eval knows -> the metric; 'confusion' writes <work dir>/confusion.json and .png.
EVALUATIONS = {'accuracy': 'QueryAccuracy', 'retrieval': 'ClipRetrieval', 'knn': 'KNNAccuracy',
               'linear': 'LinearProbeAccuracy', 'agreement': 'TeacherAgreement', 'calibration': 'Calibration',
               'confusion': 'QueryConfusion'}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_config_arguments(parser)
    parser.add_argument('checkpoint', help='a checkpoint of training, or a student exported from one')
    parser.add_argument('--eval', nargs='+', metavar='NAME',
                        help=f"what to measure instead of the config's test_evaluator: {', '.join(EVALUATIONS)}")
    parser.add_argument('--out', help='write the metrics here too, as JSON, with the checkpoint they are of')


def run(args: argparse.Namespace) -> int:
    config = load_config(args)
    if args.eval:
        config.test_evaluator = evaluators(config, args.eval)
    metrics = test_student(config, args.checkpoint, local_rank=args.local_rank)
    if args.out:
        write_metrics(args.out, metrics, told_of(config_name(config), named_by_content(args.checkpoint)))
    return 0


def evaluators(config: Config, names: Sequence[str]) -> list[dict]:
    """Configs of the metrics that :data:`EVALUATIONS` names; where the config has one of them, with its settings.

    Raises:
        ValueError: a name is unknown, or agreement is asked for and the config has no teacher.
    """
    unknown = [name for name in names if name not in EVALUATIONS]
    if unknown:
        nearest = [f', did you mean {name}?' for name in difflib.get_close_matches(unknown[0], EVALUATIONS, n=1)]
        raise ValueError(f'--eval {unknown[0]!r}: expected any of {", ".join(EVALUATIONS)}{"".join(nearest)}')
    configured = config.get('test_evaluator') or []
    known = {metric['type']: metric for metric in ([configured] if isinstance(configured, Mapping) else configured)}
    chosen = []
    for name in dict.fromkeys(names):
        metric = dict(known.get(EVALUATIONS[name], {'type': EVALUATIONS[name]}))
        if name == 'confusion':
            metric.setdefault('out', str(Path(config.work_dir) / 'confusion.json'))
        chosen += _agreements(config, metric) if name == 'agreement' else [metric]
    return chosen


def _agreements(config: Config, metric: Mapping) -> list[dict]:
    """The metric for each teacher of the config; with several, their names are in the keys."""
    teacher = metric.get('teacher') or config.model.get('teacher')
    if not teacher:
        raise ValueError('--eval agreement: the config has no model.teacher to agree with. Test with the config of the '
                         'distillation')
    if 'type' in teacher:
        return [{**metric, 'teacher': teacher}]
    return [{**metric, 'teacher': one, 'prefix': f'agreement_{name}'} for name, one in teacher.items()]


def test_student(config: Config, checkpoint: str | None, *, local_rank: int = 0) -> dict[str, float]:
    """Metrics of the student on the config's test set; of teachers only those that a metric has are built.

    Args:
        checkpoint: None tests the student with the weights it is built with.
    """
    if config.get('test_dataloader') is None:
        raise ValueError('the config has no test_dataloader, so there is nothing to test on: add one with test_cfg and '
                         'test_evaluator (in an experiment of the original schema, an eval section)')
    runner = build_runner(without_teacher(config), local_rank=local_rank)
    if checkpoint is None:
        runner.model.init_weights()
    else:
        load_student(runner, checkpoint)
    return runner.test()


def without_teacher(config: Config) -> Config:
    """The config of the same student with no teacher and no terms, whatever distiller it had, for testing.

    Models without a ``student`` are left as they are.
    """
    config = Config(config.to_dict())
    if config.model.get('student') is not None:
        config.model = dict(type='Distiller', student=config.model.student,
                            student_view=config.model.get('student_view'))
    config.load_from, config.resume = None, False
    return config


def load_student(runner: Runner, checkpoint: str | Path) -> None:
    """Load the student's weights into the model of ``runner``, every tensor of them.

    Raises:
        ValueError: the checkpoint is not there, not safe, or of another student.
    """
    model = runner.model.module if is_model_wrapper(runner.model) else runner.model
    student = getattr(model, 'student', model)
    state = student_state_dict(load_safely(checkpoint, what='checkpoint'))
    check_same_tensors(state, student.state_dict(), what=f'checkpoint {checkpoint}', model=type(student).__name__)
    student.load_state_dict(state, strict=True)
