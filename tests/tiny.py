"""Tiny networks and batches that tests build with."""

import torch
from mmaction.models.backbones.resnet3d import BasicBlock3d, ResNet3d
from mmaction.structures import ActionDataSample
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from torch import nn

from kdtoolbox.registry import DATASETS, HOOKS, MODELS

NUM_CLASSES = 5
NUM_TEACHER_CLASSES = 7
MEAN, STD = [114.75, 107.25, 99.5], [38.75, 37.75, 40.0]
SHALLOW = 10  # the depth of a ResNet3d with one block a layer; mmaction2 begins with two
ResNet3d.arch_settings[SHALLOW] = BasicBlock3d, (1, 1, 1, 1)


@MODELS.register_module(force=True)
class TinyImageNet(nn.Module):
    """A 2D classifier with batch norm and dropout, so that one not in eval mode shows."""

    def __init__(self, num_classes: int = NUM_TEACHER_CLASSES) -> None:
        super().__init__()
        self.layer1 = nn.Sequential(nn.Conv2d(3, 6, 3, stride=2, padding=1), nn.BatchNorm2d(6), nn.ReLU())
        self.layer2 = nn.Sequential(nn.Conv2d(6, 8, 3, stride=2, padding=1), nn.BatchNorm2d(8), nn.ReLU())
        self.dropout = nn.Dropout(0.5)
        self.fc = nn.Linear(8, num_classes)

    def forward(self, images):
        return self.fc(self.dropout(self.layer2(self.layer1(images)).mean((2, 3))))


def student_config(num_classes: int = NUM_CLASSES, norm: str = 'BN3d', dropout: float = 0.0, **backbone) -> dict:
    """An R3D-18 of 4 to 32 channels; features of 32; ``backbone`` has further options of it."""
    norm_cfg = dict(type='GN', num_groups=2) if norm == 'GN' else dict(type=norm)
    return dict(
        type='Recognizer3D',
        backbone=dict(
            type='ResNet3d',
            depth=SHALLOW,
            pretrained=None,
            pretrained2d=False,
            base_channels=4,
            norm_cfg=norm_cfg,
            conv1_kernel=(3, 3, 3),
            conv1_stride_s=1,
            with_pool1=False,
            with_pool2=False,
            inflate_style='3x3x3',
            temporal_strides=(1, 1, 2, 2),
            zero_init_residual=False,
            **backbone,
        ),
        cls_head=dict(
            type='I3DHead',
            num_classes=num_classes,
            in_channels=32,
            dropout_ratio=dropout,
            init_std=0.1,
            average_clips='prob',
        ),
        data_preprocessor=dict(type='ActionDataPreprocessor', mean=MEAN, std=STD, format_shape='NCTHW'),
    )


def teacher_config(**options) -> dict:
    return dict(type='ImageTeacher', model=dict(type='TinyImageNet'), view=dict(size=24, frame_stride=2), **options)


def distillation_head() -> dict:
    return dict(
        loss=dict(type='L2'),
        student='features',
        teacher='logits',
        student_connector=dict(type='LinearProjection', in_channels=32, out_channels=NUM_TEACHER_CLASSES),
    )


@MODELS.register_module(force=True)
class NanOfSomeClips(nn.Module):
    """NaN where one of ``clips`` is in the batch, else the mean square of the student's features."""

    def __init__(self, clips: tuple = (), value: str = 'nan') -> None:
        super().__init__()
        self.clips = clips
        self.value = float(value)

    def forward(self, student, teacher, sample_ids):
        loss = student.square().mean()
        return loss * self.value if set(sample_ids) & set(self.clips) else loss


def batch(size: int = 4, *, frames: int = 4, pixels: int = 16, clips: int = 1, labels=None, seed: int = 0) -> dict:
    """What a data loader over a recognition pipeline gives."""
    generator = torch.Generator().manual_seed(seed)
    labels = [index % NUM_CLASSES for index in range(size)] if labels is None else labels
    samples = []
    for index, label in enumerate(labels):
        sample = ActionDataSample().set_gt_labels(label)
        sample.set_metainfo(dict(sample_id=f'video{index}'))
        samples.append(sample)
    inputs = [
        torch.randint(0, 256, (clips, 3, frames, pixels, pixels), dtype=torch.uint8, generator=generator)
        for _ in range(size)
    ]
    return dict(inputs=inputs, data_samples=samples)


@DATASETS.register_module(force=True)
class TinyClips(torch.utils.data.Dataset):
    """Clips made of noise around a shade that tells the class; the first half is the gallery when asked for both."""

    def __init__(self, length: int = 8, roles: tuple = ('query',), num_classes: int = NUM_CLASSES) -> None:
        self.length = length
        self.roles = roles
        self.metainfo = dict(classes=[f'class{index}' for index in range(num_classes)])

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> dict:
        label = index // len(self.roles) % NUM_CLASSES
        generator = torch.Generator().manual_seed(index)
        noise = torch.randint(0, 40, (1, 3, 4, 16, 16), generator=generator)
        sample = ActionDataSample().set_gt_labels(label)
        sample.set_metainfo(dict(sample_id=f'video{index}', role=self.roles[index % len(self.roles)]))
        return dict(inputs=(noise + 40 * label).to(torch.uint8), data_samples=sample)


@HOOKS.register_module(force=True)
class StateOfEveryRankHook(Hook):
    """Writes what each process ends with to ``rank<n>.pth``."""

    def after_train(self, runner) -> None:
        torch.save(
            runner.model.module.state_dict() if is_model_wrapper(runner.model) else runner.model.state_dict(),
            f'{runner.work_dir}/rank{runner.rank}.pth',
        )


def recognizer_2d_config(*, mean: list, std: list) -> dict:
    """A ResNet-18 of mmaction2 that looks at frames, with four classes."""
    return dict(
        type='Recognizer2D',
        backbone=dict(type='ResNet', depth=18, norm_eval=False),
        cls_head=dict(type='TSNHead', num_classes=4, in_channels=512),
        data_preprocessor=dict(type='ActionDataPreprocessor', mean=mean, std=std),
    )


def distiller_config(**options) -> dict:
    """A distiller with one term, the distillation head."""
    config = dict(
        type='Distiller',
        student=student_config(),
        teacher=teacher_config(),
        student_view=dict(size=16),
        terms=dict(kd=distillation_head()),
    )
    return dict(config, **options)


def run_config(work_dir, *, epochs: int = 2, batch_size: int = 4, **model) -> Config:
    """A whole experiment in seconds: distillation with labels on :class:`TinyClips`, validated every epoch."""

    def loader(**dataset):
        return dict(
            batch_size=batch_size,
            num_workers=0,
            dataset=dict(type='TinyClips', **dataset),
            sampler=dict(type='DefaultSampler', shuffle='roles' not in dataset),
        )

    return Config(
        dict(
            default_scope='kdtoolbox',
            work_dir=str(work_dir),
            randomness=dict(seed=3),
            log_level='WARNING',
            model=dict(
                distiller_config(),
                **model,
            ),
            train_dataloader=loader(),
            val_dataloader=loader(length=11, roles=('gallery', 'query')),
            test_dataloader=loader(length=11, roles=('gallery', 'query')),
            val_evaluator=[dict(type='QueryAccuracy'), dict(type='ClipRetrieval', topk=(1, 5))],
            test_evaluator=[dict(type='QueryAccuracy'), dict(type='ClipRetrieval', topk=(1, 5))],
            train_cfg=dict(by_epoch=True, max_epochs=epochs, val_interval=1),
            val_cfg=dict(),
            test_cfg=dict(),
            optim_wrapper=dict(optimizer=dict(type='SGD', lr=0.05, momentum=0.9)),
            param_scheduler=[dict(type='CosineAnnealingLR', T_max=4, by_epoch=True)],
            default_hooks=dict(
                checkpoint=dict(type='CheckpointHook', interval=1, save_best='retrieval/top1', rule='greater'),
                logger=dict(type='LoggerHook', interval=1),
            ),
            custom_hooks=[dict(type='EpochSeedHook'), dict(type='PlainCheckpointHook'), dict(type='PreflightHook')],
            visualizer=dict(type='ActionVisualizer', vis_backends=[dict(type='LocalVisBackend')]),
        )
    )


TOKEN_CHANNELS, TOKEN_GRID = 16, (2, 4, 4)  # of the video transformer on clips of 4 frames of 32²


def transformer_config(num_classes: int = NUM_CLASSES, **backbone) -> dict:
    """A video transformer of two blocks, with tokens of 2 x 8 x 8 pixels; features of 16."""
    return dict(
        type='Recognizer3D',
        backbone=dict(
            type='VisionTransformer',
            img_size=32,
            patch_size=8,
            embed_dims=TOKEN_CHANNELS,
            depth=2,
            num_heads=2,
            mlp_ratio=2,
            num_frames=4,
            tubelet_size=2,
            qkv_bias=True,
            **backbone,
        ),
        cls_head=dict(
            type='TimeSformerHead', num_classes=num_classes, in_channels=TOKEN_CHANNELS, average_clips='prob'
        ),
        data_preprocessor=dict(type='ActionDataPreprocessor', mean=MEAN, std=STD, format_shape='NCTHW'),
    )
