"""Workarounds for the libraries below, each with the version that ends it."""

import os
from functools import lru_cache

import torch
from mmengine.config import Config
from mmengine.config import config as config_module
from mmengine.dist import is_distributed

from kdtoolbox.registry import MODEL_WRAPPERS


def prepare_cpu_processes(config: Config) -> None:
    """Make ``--launcher pytorch`` work on a machine without a GPU: join ``torchrun``'s processes, wrap for CPUs.

    mmengine's own way calls ``torch.cuda.set_device`` and names a GPU to DDP; it leaves a process group that is already
    there, and a wrapper that the config names, alone. Drop when mmengine > 0.10.7 checks for a GPU first.
    """
    if config.get('launcher', 'none') != 'pytorch' or torch.cuda.is_available():
        return
    if not is_distributed():
        torch.distributed.init_process_group('gloo')
    if config.get('model_wrapper_cfg') is None:
        config.model_wrapper_cfg = dict(
            type='MMDistributedDataParallel',
            device_ids=None,
            broadcast_buffers=False,
            find_unused_parameters=config.get('find_unused_parameters', False),
        )


def find_wrapper(wrapper: dict) -> None:
    """Name a wrapper of ours by its module, as mmengine looks wrappers up in its own registry only.

    Drop when mmengine > 0.10.7 looks in the scope of the config.
    """
    name = wrapper.get('type')
    found = MODEL_WRAPPERS.get(name) if isinstance(name, str) else None
    if found is not None and found.__module__.startswith('kdtoolbox.'):
        wrapper['type'] = f'{found.__module__}.{found.__name__}'


def check_amp_device(what: str) -> None:
    """Raise ValueError where mixed precision cannot run; mmengine's own check is a bare assertion.

    Args:
        what: asked for it.
    """
    if not torch.cuda.is_available():
        raise ValueError(f'{what} needs a GPU: mixed precision on CPU is not supported by mmengine 0.10. Leave it out.')


def warn_of_slow_conv3d() -> str | None:
    """A warning when this torch is one whose 3D convolutions are slow or wrong in half precision.

    https://github.com/pytorch/pytorch/issues/166122 and 163539: torch 2.9 with cuDNN 9.8 to 9.10. Drop with torch 2.9.
    """
    if torch.cuda.is_available() and torch.__version__.startswith('2.9.'):
        return (
            f'torch {torch.__version__}: 3D convolutions in half precision are several times slower and, with some '
            'versions of cuDNN, wrong (pytorch issues 166122, 163539). Use another torch, or train without --amp.'
        )
    return None


_format = config_module.FormatCode


@lru_cache(maxsize=16)
def _formatted(text: str, style: tuple, options: tuple) -> tuple:
    return _format(text, style_config=dict(style), **dict(options))


def format_configs_once() -> None:
    """Have mmengine lay out the text of a config once, and not again for the log, each checkpoint and each tracker.

    It takes a second of yapf each time, for the same text. Drop when mmengine > 0.10.7 keeps it.
    """
    config_module.FormatCode = lambda text, style_config, **options: _formatted(
        text, tuple(style_config.items()), tuple(options.items())
    )


def set_local_rank(rank: int) -> None:
    """Set mmengine's local rank if the launcher passed it as an argument instead of in the environment."""
    os.environ.setdefault('LOCAL_RANK', str(rank))
