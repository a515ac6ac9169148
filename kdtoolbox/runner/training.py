"""Training by a config: its runner, checked before anything is built."""

import atexit
import logging
import os
import weakref
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from mmengine.config import Config
from mmengine.dist import is_main_process
from mmengine.runner import Runner

from kdtoolbox.config_files.evaluators import tell_average_clips
from kdtoolbox.config_files.keys import refuse_unknown_keys
from kdtoolbox.config_files.overriding import keep_no_workers, seed_datasets
from kdtoolbox.config_files.roles import tell_roles
from kdtoolbox.engine.checkpoints import BareWeightsHook, load_checkpoint, stop_before_saving
from kdtoolbox.engine.compat import (
    check_amp_device,
    find_wrapper,
    format_configs_once,
    prepare_cpu_processes,
    set_local_rank,
    warn_of_slow_conv3d,
)
from kdtoolbox.engine.console import ConsoleHook, ConsoleRunner
from kdtoolbox.engine.fully_sharded import FullyShardedStudent, ShardingHook
from kdtoolbox.engine.temporary_folder import check_temporary_folder, use_own_temporary_folder
from kdtoolbox.engine.whole_checkpoints import damage_of, newest_whole_checkpoint
from kdtoolbox.engine.work_dir_lock import only_training_in
from kdtoolbox.engine.worker_processes import end_workers
from kdtoolbox.registry import MODELS
from kdtoolbox.reporting.run_origin import record_command


def train(config: Config, *, local_rank: int = 0) -> None:
    """Train, as the only training in the work directory.

    Raises:
        ValueError: another one is running there; or as :func:`build_runner`.
    """
    weights = config.get('load_from')
    if isinstance(weights, str) and '://' not in weights and not Path(weights).expanduser().is_file():
        raise ValueError(f'load_from {weights}: no such file')  # before a work directory is made
    _check_work_dir(Path(config.work_dir))
    check_temporary_folder()
    with only_training_in(config.work_dir):
        earlier = sorted(Path(config.work_dir).glob('*.pth'))
        runner = build_runner(config, local_rank=local_rank)
        if earlier and not config.get('resume'):
            runner.logger.warning(
                f'{config.work_dir} holds checkpoints of an earlier training, such as {earlier[0].name}: this one '
                'starts from the beginning, beside them, and replaces those of its names. To go on with it: --resume; '
                'to keep it: another --work-dir'
            )
        if is_main_process():
            record_command(config.work_dir)
        runner.train()


def resume_from(config: Config, checkpoint: str) -> None:
    """Have a run go on from a checkpoint; ``'auto'``: from the newest whole one in its work directory.

    Where there is none yet, the run starts as the config says, ``load_from`` included: jobs that may be interrupted at
    any time are started with the same command each time.
    """
    found = newest_whole_checkpoint(config.work_dir) if checkpoint == 'auto' else checkpoint
    config.resume = found is not None
    if found is not None:
        config.load_from = found


def build_runner(config: Config, *, local_rank: int = 0) -> Runner:
    """The runner of a config, in all the processes of its launcher.

    Raises:
        ValueError: a key of the config is read by nothing, a file to load is no checkpoint or not there, the work
            directory cannot be written to, or mixed precision is asked for without a GPU.
    """
    set_local_rank(local_rank)
    refuse_unknown_keys(config)
    if any(one.get('type') == 'AmpOptimWrapper' for one in optim_wrappers(config)):
        check_amp_device('AmpOptimWrapper')
        validate_in_mixed_precision(config)
    if config.get('resume') and not config.get('load_from'):
        resume_from(config, 'auto')
    weights = config.get('load_from')
    if weights and '://' not in weights and not Path(weights).is_file():
        raise ValueError(
            f'{weights}: no such file; it is to be loaded into the student (load_from or --resume; in an '
            'experiment of the original schema model.s_pretrain_path or train.resume_path)'
        )
    if config.get('resume') and '://' not in weights and (damage := damage_of(weights)) is not None:
        raise ValueError(
            f'checkpoint {damage}. --resume without a name goes on from the newest checkpoint that is whole'
        )
    _check_work_dir(Path(config.work_dir))
    seed_datasets(config)
    keep_no_workers(config)
    tell_average_clips(config)
    tell_roles(config)
    if config.get('launcher', 'none') != 'none' and leaves_parameters_unused(config.get('model', {})):
        config.find_unused_parameters = True
    wrapper = getattr(MODELS.get(config.model['type']), 'model_wrapper', None)
    if wrapper is not None and config.get('model_wrapper_cfg') is None:
        config.model_wrapper_cfg = dict(type=wrapper)
    if config.get('model_wrapper_cfg'):
        find_wrapper(config.model_wrapper_cfg)
    if weights and '://' not in weights:
        load_checkpoint(weights)  # of what is no checkpoint mmengine, when all is built, fails with a traceback
    prepare_cpu_processes(config)
    use_own_temporary_folder()
    format_configs_once()
    runner = ConsoleRunner.from_cfg(config)
    runner.register_hook(BareWeightsHook())
    stop_before_saving(runner)
    atexit.register(_end_workers_of, weakref.ref(runner))
    if isinstance(runner.model, FullyShardedStudent):
        runner.register_hook(ShardingHook())
    if is_main_process() and runner.logger.isEnabledFor(logging.INFO):  # else the config asks for silence
        runner.register_hook(ConsoleHook())
    warning = warn_of_slow_conv3d()
    if warning:
        runner.logger.warning(warning)
    return runner


def _end_workers_of(reference: weakref.ref) -> None:
    runner = reference()
    if runner is not None:
        with suppress(RuntimeError):  # a worker that the same signal ended: this process ends too
            end_workers(runner)


def leaves_parameters_unused(model: Mapping) -> bool:
    """Whether steps of this model leave parameters without a gradient, which DDP has to be told.

    Without labels nothing may reach the student's head; a term that is scheduled to 0 does not reach its connectors;
    and mmaction2's backbones freeze their stages when training begins, after DDP has counted on them.
    """
    terms = model.get('terms') or {}
    scheduled = [model, *(terms.values() if isinstance(terms, Mapping) else ())]
    return (
        model.get('use_labels', True) is False or _freezes_stages(model) or any(_is_at_0_once(one) for one in scheduled)
    )


def _is_at_0_once(scheduled: object) -> bool:
    """Whether the points (progress, factor) of a schedule reach 0; what is none is refused when it is built."""
    points = scheduled.get('weight_schedule') if isinstance(scheduled, Mapping) else None
    if not isinstance(points, Sequence):
        return False
    return any(isinstance(point, Sequence) and len(point) == 2 and point[1] == 0 for point in points)


def _freezes_stages(config: Mapping) -> bool:
    return any(
        _freezes_stages(value)
        if isinstance(value, Mapping)
        else key == 'frozen_stages' and isinstance(value, int) and value >= 0
        for key, value in config.items()
    )


def validate_in_mixed_precision(config: Config) -> None:
    """Have the validation of a training in mixed precision be in mixed precision too, unless the config says otherwise.

    The test at the end, whose numbers are compared with others', stays in float32.
    """
    if config.get('val_cfg'):
        config.val_cfg.setdefault('fp16', True)


def optim_wrappers(config: Config) -> list[dict]:
    """The OptimWrappers of the config, one for each player where there are several; none where it does not train."""
    wrapper = config.get('optim_wrapper')
    if not wrapper:
        return []
    return [one for one in wrapper.values() if isinstance(one, dict) and 'optimizer' in one] or [wrapper]


def _check_work_dir(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ValueError(
            f'the work directory {folder} cannot be made: {error.strerror}. Choose another: --work-dir'
        ) from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise ValueError(
            f'the work directory {folder} cannot be written to: choose another, --work-dir, or change its permissions'
        )
