"""What a training does depends neither on how many workers load its clips, nor on whether it was interrupted.

As the shipped configs: videos with random crops, workers that live on, batch norm, dropout, validation in between.
"""

import copy
import multiprocessing
from pathlib import Path

import pytest
import torch
from mmengine.hooks import Hook

from kdtoolbox.registry import HOOKS
from kdtoolbox.runner.training import build_runner
from kdtoolbox.safe_files import load_safely
from tests.engine.test_runs import assert_same
from tests.tiny import distillation_head, run_config, student_config, teacher_config
from tests.videos import write_video

NUM_VIDEOS, BATCH_SIZE, CLASSES = 10, 4, ['a', 'b']
NUM_BATCHES = 3  # of a pass, the last one smaller


@HOOKS.register_module(force=True)
class SeenClipsHook(Hook):
    """Notes what each step is shown: the pixels, and whose."""

    def before_train(self, runner):
        self.seen = []

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        self.seen.append(
            [(sample.sample_id, clip.clone()) for sample, clip in zip(data_batch['data_samples'], data_batch['inputs'])]
        )


@pytest.fixture(scope='module')
def videos(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp('videos')
    for number in range(NUM_VIDEOS):
        write_video(folder / CLASSES[number % 2] / f'{number}.avi', seed=number, num_frames=12)
    return folder


def loader(videos, *, training, workers=0, persistent=False, sampler='DefaultSampler'):
    crop = [dict(type='RandomResizedCrop'), dict(type='Flip', flip_ratio=0.5)] if training else []
    pipeline = [
        dict(type='OpenVideo'),
        dict(type='SampleFrames', clip_len=4, num_clips=1)
        if training
        else dict(type='SampleClipsEvenly', clip_len=4, num_clips=1),
        dict(type='DecodeClip'),
        *crop,
        dict(type='Resize', scale=(16, 16), keep_ratio=False),
        dict(type='FormatShape', input_format='NCTHW'),
        dict(type='PackActionInputs', meta_keys=('sample_id', 'role')),
    ]
    source = dict(type='FolderDataset', data_root=str(videos), ann_file='', pipeline=pipeline)
    dataset = (
        source
        if training
        else dict(
            type='ConcatDataset', datasets=[dict(source, role=role, test_mode=True) for role in ('gallery', 'query')]
        )
    )
    return dict(
        batch_size=BATCH_SIZE,
        num_workers=workers,
        persistent_workers=persistent,
        dataset=dataset,
        sampler=dict(type=sampler, shuffle=training),
    )


def config_of(videos, work_dir, *, by_epoch=True, passes=2, accumulation=1, loading=None, **model):
    """A training over ``passes`` passes, validated and saved after each; by iterations, saved in the middle of one."""
    config = run_config(work_dir, epochs=passes, student=student_config(2, dropout=0.5), **model)
    config.train_dataloader = loader(videos, training=True, **(loading or {}))
    config.val_dataloader = config.test_dataloader = loader(
        videos, training=False, **{key: value for key, value in (loading or {}).items() if key != 'sampler'}
    )
    config.optim_wrapper.accumulative_counts = accumulation
    config.param_scheduler = [
        dict(type='LinearLR', start_factor=0.1, begin=0, end=4, by_epoch=False),
        dict(type='MultiStepLR', milestones=[1], by_epoch=True),
    ]
    config.custom_hooks = [
        dict(type='EpochSeedHook'),
        dict(type='SetDatasetEpochHook'),
        dict(type='PlainCheckpointHook'),
        dict(type='PreflightHook'),
        dict(type='SeenClipsHook'),
    ]
    config.default_hooks.checkpoint = dict(type='CheckpointHook', interval=1)
    if not by_epoch:
        config.train_cfg = dict(by_epoch=False, max_iters=passes * NUM_BATCHES, val_interval=2)
        config.param_scheduler = [
            dict(config.param_scheduler[0]),
            dict(type='MultiStepLR', milestones=[3], by_epoch=False),
        ]
        config.default_hooks.checkpoint.update(by_epoch=False, interval=2)
        config.log_processor = dict(by_epoch=False)
    return config


def trained(config, name):
    config = copy.deepcopy(config)
    config.experiment_name = f'{name}-{config.work_dir}'.replace('/', '_')
    runner = build_runner(config)
    runner.train()
    assert not multiprocessing.active_children(), 'the workers have ended with the training'
    return runner


def seen_by(runner):
    return next(hook for hook in runner.hooks if isinstance(hook, SeenClipsHook)).seen


def assert_same_clips(one, other):
    assert [[name for name, _ in step] for step in one] == [[name for name, _ in step] for step in other]
    assert all(torch.equal(clip, twin) for step, same in zip(one, other) for (_, clip), (_, twin) in zip(step, same))


@pytest.mark.parametrize(
    'by_epoch, sampler', [(True, 'DefaultSampler'), (False, 'DefaultSampler'), (False, 'InfiniteSampler')]
)
def test_clips_and_weights_are_the_same_with_any_number_of_workers(by_epoch, sampler, videos, tmp_path):
    reference = None
    for workers, persistent in ((0, False), (1, True), (2, False), (2, True)):
        loading = dict(workers=workers, persistent=persistent, sampler=sampler)
        runner = trained(
            config_of(
                videos,
                tmp_path / f'{workers}{persistent}',
                by_epoch=by_epoch,
                loading=loading,
                teacher=teacher_config(),
                terms=dict(kd=distillation_head()),
            ),
            'workers',
        )
        result = seen_by(runner), runner.model.state_dict()
        if persistent:
            assert runner.val(), 'its loaders work again after a training'
        reference = reference or result
        assert_same_clips(reference[0], result[0])
        assert_same(dict(reference[1]), dict(result[1]), f'{workers} workers')
    clips = [(name, clip) for step in reference[0] for name, clip in step]
    assert not any(
        name == other and torch.equal(clip, twin)
        for index, (name, clip) in enumerate(clips)
        for other, twin in clips[:index]
    ), 'each pass is augmented anew'


GAME = dict(
    type='AdversarialDistiller',
    discriminator=dict(type='Discriminator', in_channels=8, widths=(6,)),
    adversarial=dict(
        loss=dict(type='BCEAdversarial'),
        dropout=0.5,
        student_connector=dict(type='LinearProjection', in_channels=32, out_channels=8),
    ),
)
MEAN_TEACHER = dict(
    teacher=dict(type='EMATeacher', view=dict(size=16), decay=0.9),
    terms=dict(consistency=dict(loss=dict(type='KLDivergence'))),
)
MUTUAL = dict(type='MutualDistiller', peers=dict(twin=student_config(2, dropout=0.5)), loss=dict(type='KLDivergence'))


@pytest.mark.parametrize(
    'model, how',
    [
        (MEAN_TEACHER, dict()),
        (GAME, dict()),
        (MUTUAL, dict(saved_within=True)),
        (MEAN_TEACHER, dict(saved_within=True, accumulation=2)),
        (GAME, dict(by_epoch=False, accumulation=2)),
        ({**MUTUAL, **MEAN_TEACHER}, dict(by_epoch=False, sampler='InfiniteSampler')),
    ],
    ids=[
        'mean teacher',
        'adversarial',
        'mutual, within an epoch',
        'mean teacher, within an epoch, accumulating',
        'adversarial, by iterations, accumulating',
        'mutual, mean teacher, by iterations, without an end',
    ],
)
def test_a_run_that_was_interrupted_ends_as_one_that_was_not(model, how, videos, tmp_path):
    """Resumed from the first checkpoint, with another number of workers; schedules by epochs and by iterations."""

    def config(folder, workers):
        loading = dict(workers=workers, persistent=workers > 0, sampler=how.get('sampler', 'DefaultSampler'))
        made = config_of(
            videos,
            tmp_path / folder,
            loading=loading,
            by_epoch=how.get('by_epoch', True),
            accumulation=how.get('accumulation', 1),
            **model,
        )
        if how.get('saved_within'):
            made.default_hooks.checkpoint.update(by_epoch=False, interval=2)
        if 'teacher' in model:
            made.custom_hooks.append(dict(type='EMATeacherHook'))
        if model.get('type') == 'AdversarialDistiller':
            player, schedule = made.optim_wrapper.to_dict(), made.param_scheduler
            made.optim_wrapper = dict(
                constructor='AdversarialOptimWrapperConstructor', student=player, discriminator=player
            )
            made.param_scheduler = dict(student=schedule, discriminator=schedule)
        return made

    finished = trained(config('finished', 2), 'finished')
    first, *_, last = sorted((tmp_path / 'finished').glob('*.pth'), key=lambda file: file.stat().st_mtime)
    again = config('resumed', 1)
    again.resume, again.load_from = True, str(first)
    resumed = trained(again, 'resumed')
    num_left = len(seen_by(resumed))
    assert resumed.iter == finished.iter == 2 * NUM_BATCHES and 0 < num_left < finished.iter
    assert_same_clips(seen_by(finished)[-num_left:], seen_by(resumed))
    one, other = (load_safely(tmp_path / folder / last.name, what='checkpoint') for folder in ('finished', 'resumed'))
    for part in ('state_dict', 'optimizer', 'param_schedulers', 'ema_teachers'):
        assert_same(one.get(part), other.get(part), part)
