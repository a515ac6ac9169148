"""Evaluate a student: from a training checkpoint or an exported one."""

import argparse
import difflib
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from mmengine.config import Config

from kdtoolbox.cli.arguments.test import EVALUATIONS
from kdtoolbox.config_files.evaluators import metric_configs
from kdtoolbox.config_files.overriding import load_config
from kdtoolbox.provenance import config_name, named_by_content, origin_of, write_metrics
from kdtoolbox.runner.testing import measure_student, test_student
from kdtoolbox.safe_files import check_writable
from kdtoolbox.teachers.cached_teacher import behind_a_cache

__all__ = ['evaluators', 'run', 'test_student']

FAILED = 2  # exit status where a metric could not be computed


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
    if not metrics and not failures:
        print(
            'kdtoolbox test: nothing was measured: the config has no metrics for it; name some, --eval', file=sys.stderr
        )
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
    known = metric_configs(config.get('test_evaluator'))
    chosen = []
    for name in dict.fromkeys(names):
        kind = EVALUATIONS[name]
        for metric in [dict(one) for one in known if one['type'] == kind] or [{'type': kind}]:
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
        return [{**metric, 'teacher': behind_a_cache(teacher)}]
    return [{**metric, 'teacher': behind_a_cache(one), 'prefix': f'agreement_{name}'} for name, one in teacher.items()]
