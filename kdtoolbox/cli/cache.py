"""Store a teacher's outputs for all frames of the training videos, from which trainings then read them.

The config has a CachedTeacher. Several of these commands, on one machine or several, share the work; one that was
stopped goes on where it was.
"""

import argparse
from collections.abc import Mapping
from pathlib import Path

from mmengine.config import Config
from mmengine.device import get_device
from mmengine.registry import init_default_scope

from kdtoolbox.cache_writing.verifying import verify_cache
from kdtoolbox.cache_writing.video_source import VideoSource
from kdtoolbox.cache_writing.writing import CacheJob, write_cache
from kdtoolbox.config_files.finding import find_config
from kdtoolbox.config_files.overriding import load_config, seed_datasets
from kdtoolbox.preparation.executors import is_lost, job_runner
from kdtoolbox.registry import MODELS
from kdtoolbox.teacher_cache.coverage import coverage
from kdtoolbox.teachers import CachedTeacher
from kdtoolbox.teachers.cached_teacher import build_frame_teacher, teacher_identity


def run(args: argparse.Namespace) -> int:
    config = load_config(args)
    init_default_scope(config.get('default_scope', 'kdtoolbox'))
    seed_datasets(config)
    cached = cached_teachers(config)
    if args.action == 'info':
        return max(_print_coverage(_folder(one)) for one in cached)
    source = VideoSource(config)
    if args.action == 'write' and args.scheduler is not None:
        write_on_cluster(args)
        return max(_print_coverage(_folder(one)) for one in cached)
    jobs = [cache_job(one, source) for one in cached]
    if args.action == 'verify':
        seed = (config.get('randomness') or {}).get('seed') or 0
        return max(_verify(job, num_samples=args.samples, seed=seed) for job in jobs)
    for job in jobs:
        write_cache(job, num_workers=config.train_dataloader.get('num_workers', 0))
    return max(_print_coverage(job.folder) for job in jobs)


def write_on_cluster(args: argparse.Namespace) -> None:
    """Have every worker of a Dask cluster write what is free; they share the work as several commands do.

    Raises:
        ValueError: the cluster is not there, or every worker that took a part died.
    """
    alone = argparse.Namespace(**{key: value for key, value in vars(args).items() if not callable(value)})
    alone.scheduler, alone.config = None, str(find_config(args.config))
    with job_runner(1, args.scheduler) as runner:
        parts = [runner.executor.submit(_write_as_worker, alone) for _ in range(runner.num_slots)]
        for part in parts:
            try:
                part.result()
            except Exception as error:
                if not is_lost(error):
                    raise
                raise ValueError(f'every worker of {args.scheduler} that wrote the cache died: {error}') from error


def _write_as_worker(args: argparse.Namespace) -> None:
    config = load_config(args)
    init_default_scope(config.get('default_scope', 'kdtoolbox'))
    seed_datasets(config)
    source = VideoSource(config)
    for one in cached_teachers(config):
        write_cache(cache_job(one, source), num_workers=0)  # a worker of Dask may have no processes of its own


def cached_teachers(config: Config) -> list[Mapping]:
    """The configs of the CachedTeachers of a model.

    Raises:
        ValueError: there is none.
    """
    teachers = config.model.get('teacher') or {}
    found = [
        one
        for one in ([teachers] if 'type' in teachers else teachers.values())
        if MODELS.get(one['type']) is CachedTeacher
    ]
    if not found:
        raise ValueError(
            'the config has no CachedTeacher: wrap its teacher, model.teacher=dict(type="CachedTeacher", '
            'cache=FOLDER, teacher=dict(type="ImageTeacher", …)), and put SpatialViews into its training pipeline'
        )
    CachedTeacher.check_clip_size(config.model.get('clip_size'))
    return found


def cache_job(config: Mapping, source: VideoSource) -> CacheJob:
    """What it takes to write or verify the cache of one CachedTeacher.

    Args:
        config: of the CachedTeacher.
        source: of the videos.
    """
    teacher = build_frame_teacher(config['teacher']).to(get_device())
    taps, top_k = list(config.get('taps', ())), config.get('top_k')
    identity = teacher_identity(teacher, config['teacher'], taps=taps, top_k=top_k)
    teacher.listen(taps)
    return CacheJob(teacher, identity, top_k, _folder(config), source)


def _folder(config: Mapping) -> Path:
    return Path(config['cache']).expanduser()


def _print_coverage(folder: Path) -> int:
    found = coverage(folder)
    print('\n'.join([str(folder), *found.lines()]))
    return 0 if found.is_complete else 1


def _verify(job: CacheJob, *, num_samples: int, seed: int) -> int:
    compared = list(verify_cache(job, num_samples=num_samples, seed=seed))
    wrong = [one for one in compared if not one.is_right]
    for one in wrong:
        print(f'{one.sample_id}, view {one.view}: {one.changed or f"relative error {one.error:.2g}"}')
    largest = max((one.error for one in compared if one.error == one.error), default=float('nan'))
    print(f'{job.folder}: {len(compared) - len(wrong)} of {len(compared)} right, largest relative error {largest:.2g}')
    return 1 if wrong else 0
