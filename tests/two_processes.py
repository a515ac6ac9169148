"""Two processes that work together, as in data parallel training, for tests that compare them with one."""

import importlib
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
import torch.distributed as dist
from mmengine.registry import init_default_scope

from tests.forked import server


def in_two_processes(function: Callable, folder: Path, *, seconds: float = 600) -> list:
    """What ``function(rank, 2)`` gives in each of two processes of one group, by way of JSON.

    Args:
        function: of a module of tests, with its name there.
        folder: an empty one, where the processes meet.
        seconds: after which a process that has not ended waits for the other: the test fails, with what they printed.
    """
    context = server()
    processes = [
        context.Process(target=run, args=(function.__module__, function.__name__, rank, str(folder)))
        for rank in range(2)
    ]
    for process in processes:
        process.start()
    try:
        for process in processes:
            process.join(seconds)
        printed = [(folder / f'{rank}.log').read_text()[-3000:] for rank in range(2)]
        if [process.exitcode for process in processes] != [0, 0]:
            pytest.fail(f'two processes ended with {[process.exitcode for process in processes]}: {printed}')
    finally:
        for process in processes:
            process.kill()
    return [json.loads((folder / f'{rank}.json').read_text()) for rank in range(2)]


def run(module: str, function: str, rank: int, folder: str) -> None:
    """One of the processes."""
    os.chdir(folder)
    log = os.open(f'{rank}.log', os.O_WRONLY | os.O_CREAT)
    os.dup2(log, 1)
    os.dup2(log, 2)
    called = getattr(importlib.import_module(module), function)
    dist.init_process_group('gloo', init_method=f'file://{folder}/store', rank=rank, world_size=2)
    init_default_scope('kdtoolbox')
    Path(f'{rank}.json').write_text(json.dumps(called(rank, 2)))
    dist.barrier()
    os._exit(0)  # gloo's teardown now and then aborts or, with torch 2.6, waits for ever
