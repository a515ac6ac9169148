"""The GPUs of an experiment and their processes."""

import os
import sys
from collections.abc import Mapping, Sequence

import torch

VISIBLE = 'CUDA_VISIBLE_DEVICES'
RESTARTED = 'KDTOOLBOX_GPUS_CHOSEN_BY'


def check_processes(gpus: Sequence[int], *, launched: int | None, config: str) -> int:
    """How many processes share the work.

    Args:
        gpus: their numbers; none is the CPU.
        launched: the processes there are, None without a launcher.
        config: path of the experiment, for the message.

    Raises:
        ValueError: each GPU needs a process, and there are not that many.

    >>> check_processes([0], launched=None, config='anc.yml'), check_processes([], launched=2, config='anc.yml')
    (1, 2)
    """
    if gpus and len(gpus) != (launched or 1):
        raise ValueError(
            f'run.gpus names {len(gpus)}, the number of processes is {launched or 1}: start one for each '
            f'GPU, torchrun --nproc-per-node {len(gpus)} main.py --config {config} --launcher pytorch'
        )
    return launched or 1


def visible(gpus: Sequence[int], environment: Mapping[str, str]) -> str:
    """``CUDA_VISIBLE_DEVICES`` for these GPUs.

    Where the environment shows some GPUs only, as clusters do, the numbers count within those.

    Raises:
        ValueError: one of these numbers is not there.

    >>> visible([1], {'CUDA_VISIBLE_DEVICES': '4,6'})
    '6'
    """
    shown = [name for name in environment.get(VISIBLE, '').split(',') if name]
    if VISIBLE in environment and gpus and max(gpus) >= len(shown):
        raise ValueError(f'run.gpus: there is no GPU {max(gpus)}, {VISIBLE} shows {len(shown)}: they count from 0 on')
    return ','.join(shown[gpu] if shown else str(gpu) for gpu in gpus)


def use_only(gpus: Sequence[int]) -> None:
    """Hide the other GPUs, all of them for the CPU, by restarting this process with ``CUDA_VISIBLE_DEVICES`` set.

    mmengine asks CUDA for its devices when it is imported, and the variable is not read again after that (drop the new
    start when mmengine > 0.10.7 asks later: mmengine/device/utils.py).

    Raises:
        ValueError: there is no such GPU.
    """
    if not torch.cuda.is_available():
        if gpus:
            raise ValueError(
                f'run.gpus asks for GPU {", ".join(map(str, gpus))}, but torch {torch.__version__} sees '
                'none here; set run.gpus: -1 to use the CPU'
            )
        return
    # A new start keeps the process's number, so a process that has it here was restarted already.
    if os.environ.get(RESTARTED) == str(os.getpid()) or list(gpus) == list(range(torch.cuda.device_count())):
        return
    sys.stdout.flush()
    os.execve(
        sys.executable,
        [sys.executable, *sys.orig_argv[1:]],
        {**os.environ, VISIBLE: visible(gpus, os.environ), RESTARTED: str(os.getpid())},
    )
