"""A training on two classes of made-up videos in folders."""

from pathlib import Path

from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.runner import Runner

from kdtoolbox.runner.training import build_runner
from tests.tiny import run_config, student_config
from tests.videos import write_video

CLASSES = ['jumping', "person's {{ head }}"]
PIPELINE = [
    dict(type='OpenVideo'),
    dict(type='SampleClipsEvenly', clip_len=4, num_clips=3, frame_stride=2),
    dict(type='DecodeClip'),
    dict(type='Resize', scale=(-1, 16)),
    dict(type='ThreeCrop', crop_size=16),
    dict(type='FormatShape', input_format='NCTHW'),
    dict(type='PackActionInputs', meta_keys=('sample_id', 'role')),
]


def folder_config(folder, **changes) -> Config:
    """A run over two classes of made-up videos, tested by nine views of each."""
    for number in range(2):
        for name in CLASSES:
            # 2 * 16 + 8 frames: clips of 4 frames at stride 2 start at 0, 16 and 32 by both samplers' rules.
            write_video(folder / f'videos/{name}/{number}.avi', seed=number, num_frames=40)
    config = run_config(folder, epochs=1, student=student_config(num_classes=2), batch_size=2)
    config.model.student.backbone.depth = 18  # which mmaction2 alone can build
    config.model.student.cls_head.update(average_clips='score', init_std=1.0)  # so that small differences show
    source = dict(type='FolderDataset', data_root=str(folder / 'videos'))
    config.train_dataloader.dataset = dict(
        source,
        pipeline=[
            dict(type='OpenVideo'),
            dict(type='SampleFrames', clip_len=4),
            dict(type='DecodeClip'),
            dict(type='Resize', scale=(16, 16), keep_ratio=False),
            *PIPELINE[-2:],
        ],
    )
    test = dict(
        type='ConcatDataset',
        datasets=[
            dict(source, role='gallery', test_mode=True, pipeline=config.train_dataloader.dataset.pipeline),
            dict(source, role='query', test_mode=True, pipeline=PIPELINE),
        ],
    )
    config.test_dataloader.dataset, config.val_dataloader, config.val_cfg, config.val_evaluator = test, None, None, None
    config.default_hooks.checkpoint = dict(type='CheckpointHook', interval=1)
    config.custom_imports = dict(imports=['tests.tiny'])
    config.merge_from_dict(changes)
    return config


def trained_on_videos(folder: Path) -> Runner:
    """The runner of a finished training; its checkpoint is epoch_1.pth in the work directory."""
    init_default_scope('kdtoolbox')
    runner = build_runner(folder_config(folder))
    runner.train()
    return runner
