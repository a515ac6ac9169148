"""A hook that says when training waits for its data loader."""

import os

from mmengine.dist import get_world_size
from mmengine.hooks import Hook
from mmengine.runner import Runner

from kdtoolbox.registry import HOOKS


@HOOKS.register_module()
class DataTimeHook(Hook):
    """Logs one line in a run, with the remedy, if over a pass over the data its steps waited for clips for too long.

    Reads ``data_time`` and ``time``, which mmengine's IterTimerHook measures. The first step of a run, in which workers
    start and files are opened for the first time, does not count.

    Args:
        max_share: of the time of the steps.
    """

    priority = 'VERY_LOW'  # the timer comes first

    def __init__(self, max_share: float = 0.05) -> None:
        if not 0 < max_share <= 1:
            raise ValueError(f'DataTimeHook(max_share={max_share}): expected a share above 0, up to 1')
        self.max_share = max_share
        self._waited = self._took = 0.0
        self._num_steps = 0
        self._is_said = False

    def before_train(self, runner: Runner) -> None:
        self._num_steps, self._is_said = -1, False
        self._waited = self._took = 0.0

    def after_train_iter(self, runner: Runner, batch_idx, data_batch=None, outputs=None) -> None:
        hub = runner.message_hub
        if self._is_said or 'train/data_time' not in hub.log_scalars or 'train/time' not in hub.log_scalars:
            return
        self._num_steps += 1
        if self._num_steps == 0:
            return
        self._waited += hub.get_scalar('train/data_time').current()
        self._took += hub.get_scalar('train/time').current()
        if self._num_steps < len(runner.train_dataloader) - 1:
            return
        if self._waited > self.max_share * self._took:
            self._is_said = True
            runner.logger.warning(
                f'The data loader is slower than the step: {self._waited / self._took:.0%} of the time is waiting for '
                f'clips. {_remedy(runner.train_dataloader.num_workers)}'
            )
        self._waited = self._took = 0.0
        self._num_steps = 0


def _remedy(num_workers: int) -> str:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, 'sched_getaffinity') else os.cpu_count() or 1
    share = max(1, cores // get_world_size())
    workers = (
        f'train_dataloader.num_workers={share} ({num_workers} now, {share} cores for each process), '
        if num_workers < share
        else ''
    )
    return (
        f'What helps: {workers}clip_size of the distiller instead of Resize, frames (kdtoolbox prepare), videos with '
        'close key frames (kdtoolbox prepare reencode), less to decode. What costs the time: kdtoolbox doctor'
    )
