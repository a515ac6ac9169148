"""When the training is done, its best checkpoint is tested by the full protocol."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

from mmengine.dist import broadcast_object_list, is_main_process
from mmengine.hooks import EMAHook, Hook
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner
from torch import nn

from kdtoolbox.engine.checkpoint_saving import CheckpointHook
from kdtoolbox.engine.checkpoints import check_same_tensors, load_checkpoint, student_state_dict
from kdtoolbox.engine.protocol import is_not_the_tests, protocol_of
from kdtoolbox.engine.whole_checkpoints import newest_whole_checkpoint
from kdtoolbox.engine.worker_processes import end_workers
from kdtoolbox.inspection.metrics import without_scores
from kdtoolbox.inspection.real_batch import trains_its_head
from kdtoolbox.plain_files import read_json
from kdtoolbox.provenance import PROVENANCE, config_name, named_by_content, origin_of, write_metrics
from kdtoolbox.registry import HOOKS

T = TypeVar('T')
FULL_TEST = 'full_test.json'  # in the work directory: what tools/test.py --out would write


@HOOKS.register_module()
class FullTestHook(Hook):
    """Test the best checkpoint, or the last where none is chosen, by ``test_dataloader`` and ``test_evaluator``.

    It does so once, after the training, where the validation is another one, such as a cheap one, and writes the
    metrics with their provenance to ``full_test.json`` in the work directory. No checkpoint is written or changed. A
    training that ended before the test, or in it, makes up for it when it is resumed; one that has it already is not
    tested again.

    Raises:
        ValueError: the checkpoint is gone or of another student, or a metric cannot be computed.
    """

    priority = 'VERY_HIGH'  # before the logger hook closes the log of scalars

    def __init__(self) -> None:
        self._is_trained = False

    def after_train(self, runner: Runner) -> None:
        self._is_trained = True

    def after_run(self, runner: Runner) -> None:
        """Test; signals end it at once, as the hook that waits for the end of a step has given them back."""
        if not self._is_trained or runner._test_loop is None or not is_not_the_tests(runner.cfg):
            return
        self._is_trained = False
        checkpoint, named = _as_in_the_first_process(self._checkpoint_and_name(runner))
        if checkpoint is None:
            runner.logger.warning('There is no checkpoint that the full test could be of.')
            return
        end_workers(runner)  # those of training and validation: the test has its own
        protocol = protocol_of(runner.test_loop.dataloader.dataset)
        file = Path(runner.work_dir) / FULL_TEST
        origin = origin_of(config_name(runner.cfg), named, protocol=protocol)
        if _as_in_the_first_process(_origin_in(file)) == origin:
            runner.logger.info(f'{Path(checkpoint).name} has been tested by the full protocol: {file}')
            return
        runner.logger.info(f'The full protocol ({protocol}), on {Path(checkpoint).name}:')
        metrics = self._test(runner, checkpoint)
        if is_main_process():
            write_metrics(file, metrics, origin)
            runner.logger.info(f'The metrics of the full protocol are in {file}')

    def _test(self, runner: Runner, checkpoint: str) -> dict[str, float]:
        model = runner.model.module if is_model_wrapper(runner.model) else runner.model
        try:
            _load_student(model, checkpoint)
            for hook in runner.hooks:
                if isinstance(hook, EMAHook):  # it would test its averages of the last step
                    _load_student(hook.ema_model.module, checkpoint)
            if not trains_its_head(model):
                runner.test_loop.evaluator.metrics = without_scores(runner.test_loop.evaluator.metrics)
            return runner.test_loop.run()
        except ValueError as error:
            raise ValueError(
                f'the training is done, but the full test of {checkpoint} failed: {error}. Again: --resume, or '
                f'kdtoolbox test CONFIG {checkpoint} --out {FULL_TEST}'
            ) from error

    @staticmethod
    def _checkpoint_and_name(runner: Runner) -> tuple[str | None, str]:
        """The file to test, and its name with its hash."""
        hook = next((hook for hook in runner.hooks if isinstance(hook, CheckpointHook)), None)
        best = getattr(hook, 'best_ckpt_path', None) or next(
            (path for path in getattr(hook, 'best_ckpt_path_dict', {}).values() if path), None
        )
        # By name: the folder may have been moved between two runs.
        candidates = [Path(best), Path(runner.work_dir) / Path(best).name] if best else []
        found = next((str(file) for file in candidates if file.is_file()), None)
        if best and found is None:
            runner.logger.warning(f'The best checkpoint, {best}, is gone: the last one is tested.')
        found = found or newest_whole_checkpoint(runner.work_dir)
        return (None, '') if found is None else (found, named_by_content(found))


def _as_in_the_first_process(value: T) -> T:
    """What the first of several processes has: files appear on all machines at different times."""
    values = [value]
    broadcast_object_list(values)
    return values[0]


def _load_student(model: nn.Module, checkpoint: str) -> None:
    student = getattr(model, 'student', model)
    state = student_state_dict(load_checkpoint(checkpoint))
    check_same_tensors(state, student.state_dict(), what=f'checkpoint {checkpoint}', model=type(student).__name__)
    student.load_state_dict(state, strict=True)


def _origin_in(file: Path) -> Mapping | None:
    """What a file of metrics says it is of; None where it is not there or does not tell."""
    try:
        content = read_json(file) if file.is_file() else {}
    except (ValueError, json.JSONDecodeError):
        return None
    return content.get(PROVENANCE) if isinstance(content, Mapping) else None
