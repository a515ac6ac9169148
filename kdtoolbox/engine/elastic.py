"""Trainings that ``torchrun --max-restarts`` starts again when one of their processes has died."""

import logging
import os

import torch
import torch.distributed as dist
from mmengine.config import Config
from mmengine.dist import all_reduce, is_distributed
from mmengine.logging import print_log

# https://github.com/pytorch/pytorch/issues/135712: torchrun's store outlives a restart, so the processes find the
# addresses of those that died. Drop when torch > 2.12 starts with an empty one.
OWN_STORES = 'TORCH_DISABLE_SHARE_RDZV_TCP_STORE'


def is_restarted(config: Config) -> bool:
    """Whether ``torchrun`` has started one of the processes of this training again; all of them answer the same.

    Where it may restart, this joins the processes: on several machines, only that of the process that died counts a
    restart.

    Args:
        config: of the training; only one with ``launcher='pytorch'`` has other processes.
    """
    count = _number('TORCHELASTIC_RESTART_COUNT')
    if config.get('launcher', 'none') == 'pytorch' and _number('TORCHELASTIC_MAX_RESTARTS') > 0:
        if not is_distributed():
            _join(config, count)
        counts = torch.tensor([count])
        all_reduce(counts, op='max')
        count = int(counts)
    return count > 0


def _join(config: Config, restart: int) -> None:
    options = dict((config.get('env_cfg') or {}).get('dist_cfg') or {})
    options.pop('init_backend', None)
    if os.environ.get('TORCHELASTIC_USE_AGENT_STORE') == 'True':  # torchrun's
        if _number('GROUP_WORLD_SIZE') > 1:
            print_log(
                f'torchrun may restart this training, but on several machines that fails with its shared store: start '
                f'torchrun with {OWN_STORES}=1 in its environment',
                'current',
                logging.WARNING,
            )
        elif restart:  # with keys of its own
            store = dist.TCPStore(os.environ['MASTER_ADDR'], int(os.environ['MASTER_PORT']), is_master=False)
            options |= dict(
                store=dist.PrefixStore(f'restart_{restart}', store),
                rank=int(os.environ['RANK']),
                world_size=int(os.environ['WORLD_SIZE']),
            )
    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ['LOCAL_RANK']))
        options.setdefault('backend', 'nccl')
    else:
        options['backend'] = 'gloo'
    dist.init_process_group(**options)


def _number(variable: str) -> int:
    return int(os.environ.get(variable) or 0)
