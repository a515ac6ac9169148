"""Evaluate a student: from a training checkpoint or an exported one."""

import argparse
import json
from pathlib import Path

from mmengine.config import Config
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner

from kdtoolbox.cli.configs import add_config_arguments, load_config
from kdtoolbox.cli.train import build_runner
from kdtoolbox.engine.checkpoints import check_same_tensors, student_state_dict
from kdtoolbox.safe_files import load_safely, write_aside


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_config_arguments(parser)
    parser.add_argument('checkpoint', help='a checkpoint of training, or a student exported from one')
    parser.add_argument('--out', help='write the metrics here too, as JSON')


def run(args: argparse.Namespace) -> int:
    config = load_config(args)
    metrics = test_student(config, args.checkpoint, local_rank=args.local_rank)
    if args.out:
        write_aside(args.out, json.dumps(metrics, indent=2))
    return 0


def test_student(config: Config, checkpoint: str | None, *, local_rank: int = 0) -> dict[str, float]:
    """Metrics of the student on the config's test set; no teacher is built.

    Args:
        checkpoint: None tests the student with the weights it is built with.
    """
    runner = build_runner(without_teacher(config), local_rank=local_rank)
    if checkpoint is None:
        runner.model.init_weights()
    else:
        load_student(runner, checkpoint)
    return runner.test()


def without_teacher(config: Config) -> Config:
    """The config of the same student with no teacher and no terms, for testing; others are left as they are."""
    config = Config(config.to_dict())
    if config.model.get('student') is not None:
        config.model.teacher, config.model.terms, config.model.use_labels = None, {}, True  # update() would merge
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
