"""A hook that logs the progress of a validation or test."""

import time

from mmengine.hooks import Hook
from mmengine.runner import Runner

from kdtoolbox.registry import HOOKS


@HOOKS.register_module()
class EvaluationProgressHook(Hook):
    """Log the progress of a validation or test, at most once in ``seconds_between_lines``.

    mmengine's LoggerHook logs every fifty batches, which can take many minutes on a CPU.

    Args:
        seconds_between_lines: 0 logs after every batch.
    """

    def __init__(self, seconds_between_lines: float = 30) -> None:
        self.seconds_between_lines = seconds_between_lines
        self._start = self._last_line = 0.0

    def before_val_epoch(self, runner: Runner) -> None:
        self._start = self._last_line = time.monotonic()

    def before_test_epoch(self, runner: Runner) -> None:
        self._start = self._last_line = time.monotonic()

    def after_val_iter(self, runner: Runner, batch_idx: int, data_batch=None, outputs=None) -> None:
        self._log(runner, batch_idx + 1, len(runner.val_dataloader))

    def after_test_iter(self, runner: Runner, batch_idx: int, data_batch=None, outputs=None) -> None:
        self._log(runner, batch_idx + 1, len(runner.test_dataloader))

    def _log(self, runner: Runner, num_done: int, num_batches: int) -> None:
        now = time.monotonic()
        if now - self._last_line >= self.seconds_between_lines and num_done < num_batches:
            self._last_line = now
            left = (now - self._start) / num_done * (num_batches - num_done)
            runner.logger.info(f'evaluating: {num_done} of {num_batches} batches, about {left / 60:.0f} min left')
