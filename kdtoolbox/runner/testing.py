"""Testing a student by a config, whatever it was trained with."""

from collections.abc import Mapping, Sequence
from itertools import zip_longest
from pathlib import Path

from mmengine.config import Config
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner

from kdtoolbox.config_files.evaluators import metric_configs
from kdtoolbox.engine.checkpoints import check_same_tensors, load_checkpoint, student_state_dict
from kdtoolbox.runner.training import build_runner

OF_FEATURES = {'ClipRetrieval', 'KNNAccuracy', 'LinearProbeAccuracy'}  # which need not know the student's classes


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
