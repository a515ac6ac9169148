"""What the processes of a training run, without the imports of its test."""

import os
import signal
from pathlib import Path

import torch.distributed as dist
from mmengine.config import Config
from mmengine.dist import get_rank
from mmengine.hooks import Hook

from kdtoolbox.registry import HOOKS
from kdtoolbox.runner.training import build_runner


@HOOKS.register_module(force=True)
class DiesHook(Hook):
    """One process dies in the third step, as of a lack of memory, the first time; all leave their numbers."""

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        if runner.iter == 2 and not (Path(runner.work_dir) / f'process_{get_rank()}').exists():
            (Path(runner.work_dir) / f'process_{get_rank()}').write_text(str(os.getpid()))
            dist.barrier()
            if get_rank() == 1:
                os.kill(os.getpid(), signal.SIGKILL)


def train_here(rank: int, processes: int) -> None:
    """One of the processes that train ``config.py`` of the current folder."""
    os.environ.update(RANK=str(rank), LOCAL_RANK=str(rank), WORLD_SIZE=str(processes))
    config = Config.fromfile('config.py')
    config.launcher = 'pytorch'
    build_runner(config).train()
