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


def soft_labels(num_classes: int) -> tuple[dict, dict]:
    """Settings of the student's head and of its data preprocessor: smoothed labels, clips mixed by Mixup or CutMix.

    >>> soft_labels(10)[0]
    {'num_classes': 10, 'label_smooth_eps': 0.1}
    """
    mixing = dict(
        type='RandomBatchAugment',
        augments=[
            dict(type='MixupBlending', alpha=0.8, num_classes=num_classes),
            dict(type='CutmixBlending', alpha=1.0, num_classes=num_classes),
        ],
    )
    return dict(num_classes=num_classes, label_smooth_eps=0.1), dict(blending=mixing)


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


def evaluation(validation: tuple[Mapping, Pipeline], test: tuple[Mapping, Pipeline]) -> tuple[dict, dict, list[dict]]:
    """Loaders of the quick validation and of the test of accuracy with many views, and the metrics of the test.

    Args:
        validation: the data set's loader, and its transforms here.
        test: likewise, see :func:`accuracy_dataloader`.
    """
    return with_pipeline(*validation), accuracy_dataloader(*test), [dict(type='QueryAccuracy')]


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
