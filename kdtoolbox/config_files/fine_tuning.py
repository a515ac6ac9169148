"""What the configs of fine-tuning share, by mmaction2's and torchvision's own means; plain settings.

The values of the transformers are the defaults of VideoMAE's ``run_class_finetuning.py``, which UMT, MVD and AMD keep.
"""

from collections.abc import Mapping, Sequence

from kdtoolbox.config_files.clip_loaders import CLIP_PIPELINE, Pipeline, with_pipeline


def train_pipeline(sampling: Mapping, *, size: int = 224, flip: bool = True) -> Pipeline:
    """RandAugment, a random crop of random size, erasing.

    Args:
        sampling: the transform that chooses the frames.
        size: height and width in pixels.
        flip: whether half of the clips are flipped from left to right; False where classes tell the side.
    """
    return [
        dict(type='OpenVideo'),
        dict(sampling),
        dict(type='DecodeClip'),
        # timm's rand-m7-n4: 7 of 10 is 21 of torchvision's 31 bins, and its order of operations is random.
        dict(type='TorchVisionWrapper', op='RandAugment', num_ops=4, magnitude=21),
        dict(type='RandomResizedCrop', area_range=(0.08, 1.0), aspect_ratio_range=(3 / 4, 4 / 3)),
        dict(type='Resize', scale=(size, size), keep_ratio=False),
        *([dict(type='Flip', flip_ratio=0.5)] if flip else []),
        dict(type='TorchVisionWrapper', op='RandomErasing', p=0.25),  # black; the authors' is noise
        *CLIP_PIPELINE,
    ]


def student(num_classes: int, *, in_channels: int | None = None, **parts: Mapping) -> dict:
    """Settings of the student: smoothed labels, clips mixed by Mixup or CutMix.

    Args:
        num_classes: of the data set.
        in_channels: of the head, if it is not that of ``configs/_base_/students/``.
        parts: further settings of the student, such as ``backbone``.

    >>> student(10)['cls_head']
    {'num_classes': 10, 'label_smooth_eps': 0.1}
    """
    mixing = dict(
        type='RandomBatchAugment',
        augments=[
            dict(type='MixupBlending', alpha=0.8, num_classes=num_classes),
            dict(type='CutmixBlending', alpha=1.0, num_classes=num_classes),
        ],
    )
    head = dict(num_classes=num_classes, label_smooth_eps=0.1, **({'in_channels': in_channels} if in_channels else {}))
    return dict(parts, cls_head=head, data_preprocessor=dict(blending=mixing))


def hooks(custom_hooks: Sequence[Mapping]) -> tuple[list[dict], dict]:
    """``custom_hooks`` and ``default_hooks`` of fine-tuning.

    All of the student but its classifier comes from ``load_from``, and the checkpoint of the best accuracy is kept.

    Args:
        custom_hooks: of ``configs/_base_/default_runtime.py``.
    """
    return with_new_classifier(custom_hooks), dict(checkpoint=dict(save_best='quick_acc/top1', rule='greater'))


def with_new_classifier(custom_hooks: Sequence[Mapping]) -> list[dict]:
    """The hooks, by which ``load_from`` gives all of the student but its classifier.

    Args:
        custom_hooks: of ``configs/_base_/default_runtime.py``.
    """
    return [
        dict(hook, replace_head=True) if hook['type'] == 'PlainCheckpointHook' else dict(hook) for hook in custom_hooks
    ]


def accuracy_dataloader(dataloader: Mapping, pipeline: Pipeline) -> dict:
    """The loader of a test of accuracy with many views of a video: of the queries alone, which decide it.

    With the gallery, the test would be a quarter of the arithmetic of a run.

    Args:
        dataloader: that of the data set's test.
        pipeline: its transforms; two videos are a batch, of some 60 views.
    """
    return dict(batch_size=2, **with_pipeline(dataloader, pipeline, roles=['query']))


def data(
    base: Mapping,
    sampling: Mapping,
    *,
    quick: Mapping | None = None,
    test: Mapping | None = None,
    views: int = 1,
    flip: bool = True,
) -> tuple[dict, dict, dict, list[dict]]:
    """Loaders of training, of the quick validation and of the test of accuracy with many views; the test's metrics.

    Args:
        base: the config's bases: the loaders of its data set, ``fine_tuning_clips`` and ``fine_tuning_test_clips``.
        sampling: the transform that chooses the frames of a training clip.
        quick: likewise for the quick validation, if not that of ``fine_tuning_clips``.
        test: likewise for the test, if not that of ``fine_tuning_test_clips``.
        views: of a video in a batch (repeated augmentation): 1, in batches of 8, or 2 of 16 videos.
        flip: see :func:`train_pipeline`.
    """
    batches: dict = dict(batch_size=8)
    if views > 1:
        batches = dict(batch_size=16 * views, sampler=dict(type='RepeatedSampler', times=views, shuffle=True))
    return (
        dict(batches, dataset=dict(pipeline=train_pipeline(sampling, flip=flip))),
        with_pipeline(base['val_dataloader'], _sampled(base['fine_tuning_clips'], quick)),
        accuracy_dataloader(base['test_dataloader'], _sampled(base['fine_tuning_test_clips'], test)),
        [dict(type='QueryAccuracy')],
    )


def _sampled(pipeline: Pipeline, sampling: Mapping | None) -> Pipeline:
    """The pipeline with another way to choose frames, its second transform."""
    return [*pipeline] if sampling is None else [pipeline[0], dict(sampling, test_mode=True), *pipeline[2:]]


def optimization(
    param_scheduler: Sequence[Mapping], *, lr: float, max_epochs: int, warmup_epochs: int, views: int
) -> tuple[dict, list[dict], dict, dict]:
    """``train_cfg``, ``param_scheduler``, ``optim_wrapper`` and ``auto_scale_lr`` of fine-tuning with repeated views.

    Args:
        param_scheduler: see :func:`schedule`.
        lr: of the top block, for 256 videos.
        max_epochs: of the training.
        warmup_epochs: those in which the learning rate rises.
        views: of a video in a batch, as in :func:`data`; the learning rate goes by the number of videos.
    """
    return (
        *schedule(param_scheduler, max_epochs=max_epochs, warmup_epochs=warmup_epochs),
        dict(optimizer=dict(lr=lr)),
        dict(base_batch_size=256 * views),
    )


def schedule(param_scheduler: Sequence[Mapping], *, max_epochs: int, warmup_epochs: int) -> tuple[dict, list[dict]]:
    """Settings of the training loop and of the learning rate for another number of epochs.

    Args:
        param_scheduler: warm-up and cosine, of ``configs/_base_/schedules/adamw_100e_layer_decay.py``.
        max_epochs: of the training.
        warmup_epochs: those in which the learning rate rises.
    """
    warmup, cosine = param_scheduler
    cosine = dict(cosine, begin=warmup_epochs, end=max_epochs, T_max=max_epochs - warmup_epochs)
    return dict(max_epochs=max_epochs), [dict(warmup, end=warmup_epochs), cosine]


def of_few_steps(
    param_scheduler: Sequence[Mapping], *, max_iters: int, num_layers: int, lr: float
) -> tuple[dict, dict, list[dict]]:
    """``train_cfg``, ``optim_wrapper`` and ``param_scheduler`` of a tiny transformer's fine-tuning on a CPU.

    Args:
        param_scheduler: warm-up and cosine, of ``configs/_base_/schedules/adamw_500_steps.py``.
        max_iters: steps of the training; a twentieth of them is the warm-up.
        num_layers: blocks of the transformer; the learning rate falls by a quarter from each to the one below.
        lr: of the top block.
    """
    warmup, cosine = param_scheduler
    warmup_iters = max_iters // 20
    return (
        dict(max_iters=max_iters),
        dict(
            constructor='StudentLayerDecayConstructor',
            paramwise_cfg=dict(num_layers=num_layers, decay_rate=0.75),
            clip_grad=dict(max_norm=5),
            optimizer=dict(lr=lr, weight_decay=0.05),
        ),
        [dict(warmup, end=warmup_iters), dict(cosine, begin=warmup_iters, end=max_iters, T_max=max_iters)],
    )
