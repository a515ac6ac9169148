"""Two processes that work together, as in data parallel training, for tests that compare them with one."""

import importlib
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import torch.distributed as dist
from mmengine.registry import init_default_scope

from tests.conftest import REPOSITORY


def in_two_processes(function: Callable, folder: Path) -> list:
    """What ``function(rank, 2)`` gives in each of two processes of one group, by way of JSON.

    Args:
        function: of a module of tests, with its name there.
        folder: an empty one, where the processes meet.
    """
    code = f'from {__name__} import run; run({function.__module__!r}, {function.__name__!r}, {{}}, {str(folder)!r})'
    environment = os.environ | {'PYTHONPATH': str(REPOSITORY), 'OMP_NUM_THREADS': '1'}
    processes = [
        subprocess.Popen(
            [sys.executable, '-c', code.format(rank)], cwd=folder, env=environment, stdout=subprocess.PIPE, text=True
        )
        for rank in range(2)
    ]
    return [json.loads(process.communicate(timeout=600)[0].splitlines()[-1]) for process in processes]


def run(module: str, function: str, rank: int, folder: str) -> None:
    """One of the processes."""
    called = getattr(importlib.import_module(module), function)
    dist.init_process_group('gloo', init_method=f'file://{folder}/store', rank=rank, world_size=2)
    init_default_scope('kdtoolbox')
    print(json.dumps(called(rank, 2)))
    dist.destroy_process_group()
