"""A small training on generated videos whose teacher can be cached; its seconds are few."""

import os
import time
from pathlib import Path

import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope

from kdtoolbox.cache_writing.video_source import VideoSource
from kdtoolbox.cache_writing.writing import CacheJob
from kdtoolbox.cli.cache import cache_job, cached_teachers
from kdtoolbox.cli.main import main
from kdtoolbox.registry import MODELS
from tests.tiny import TinyImageNet, distillation_head, run_config, student_config
from tests.videos import write_video

CALLS = 'KDTOOLBOX_TEST_CALLS'  # environment: the file in which each forward pass of CountedImageNet is noted
SECONDS = 'KDTOOLBOX_TEST_SECONDS'  # that each of them takes
NUM_VIDEOS, CLASSES, NUM_VIEWS = 10, ['a', 'b'], 3
CROPS = [
    dict(type='RandomResizedCrop'),
    dict(type='Resize', scale=(32, 32), keep_ratio=False),
    dict(type='Flip', flip_ratio=0.5),
]


@MODELS.register_module(force=True)
class CountedImageNet(TinyImageNet):
    """The same network, slow enough to be killed while it works; notes which process ran it."""

    def forward(self, images):
        if CALLS in os.environ:
            time.sleep(float(os.environ.get(SECONDS, 0.03)))
            with open(os.environ[CALLS], 'a') as file:
                file.write(f'{os.getpid()}\n')
        return super().forward(images)


def job_of(config: Config) -> CacheJob:
    """What ``kdtoolbox cache`` does with a config, up to the writing."""
    init_default_scope('kdtoolbox')
    return cache_job(cached_teachers(config)[0], VideoSource(config))


def write_videos(folder: Path) -> Path:
    """Videos of different lengths in two class folders."""
    for number in range(NUM_VIDEOS):
        write_video(folder / CLASSES[number % 2] / f'{number}.avi', seed=number, num_frames=9 + number)
    return folder


def write_weights(file: Path) -> Path:
    """Weights of the teacher's network."""
    torch.manual_seed(7)
    torch.save(TinyImageNet().state_dict(), file)
    return file


def live_teacher(weights: Path, **options) -> dict:
    """The teacher that is cached."""
    options = {'model': dict(type='TinyImageNet'), 'pooling': 'mean_probs', **options}
    return dict(type='ImageTeacher', weights=str(weights), **{'view': dict(size=24, frame_stride=2), **options})


def cached_teacher(weights: Path, cache: Path, *, live: dict | None = None, **options) -> dict:
    """The same teacher, cached."""
    return dict(type='CachedTeacher', teacher=live or live_teacher(weights), cache=str(cache), **options)


def training_config(
    videos: Path,
    work_dir: Path,
    teacher: dict,
    *,
    workers: int = 0,
    num_views: int = NUM_VIEWS,
    seed: int = 3,
    **model,
) -> Config:
    """Two epochs with batch norm and dropout, without validation."""
    config = run_config(work_dir, student=student_config(2, dropout=0.5), teacher=teacher, **model)
    if 'terms' not in model:
        config.model.terms = dict(kd=distillation_head())
    pipeline = [
        dict(type='OpenVideo'),
        dict(type='SampleFrames', clip_len=4, frame_interval=2, num_clips=1),
        dict(type='DecodeClip'),
        dict(type='SpatialViews', num_views=num_views, transforms=CROPS),
        dict(type='FormatShape', input_format='NCTHW'),
        dict(type='PackActionInputs', meta_keys=('sample_id', 'role', 'frame_keys')),
    ]
    config.train_dataloader = dict(
        batch_size=4,
        num_workers=workers,
        persistent_workers=workers > 0,
        drop_last=True,
        dataset=dict(type='FolderDataset', data_root=str(videos), ann_file='', pipeline=pipeline),
        sampler=dict(type='DefaultSampler', shuffle=True),
    )
    for name in ('val_dataloader', 'test_dataloader', 'val_evaluator', 'test_evaluator', 'val_cfg', 'test_cfg'):
        config.pop(name)
    config.train_cfg = dict(by_epoch=True, max_epochs=2)
    config.randomness.seed = seed
    config.optim_wrapper.optimizer.lr = 1e-3  # at a high rate small differences grow fast
    config.custom_hooks = [
        dict(type='EpochSeedHook'),
        dict(type='SetDatasetEpochHook'),
        dict(type='PlainCheckpointHook'),
        dict(type='PreflightHook'),
    ]
    config.default_hooks.checkpoint = dict(type='CheckpointHook', interval=1)
    config.custom_imports = dict(imports=['tests.tiny'])
    return config


def command(action: str, config: Config, *options: str) -> int:
    """``kdtoolbox cache``."""
    file = Path(config.work_dir) / 'cache_config.py'
    file.parent.mkdir(parents=True, exist_ok=True)
    config.dump(file)
    return main(['cache', action, str(file), *options])
