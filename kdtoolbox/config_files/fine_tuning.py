"""What the configs that fine-tune video transformers share, by mmaction2's and torchvision's own means; plain settings.

The values are the defaults of VideoMAE's ``run_class_finetuning.py``, which UMT, MVD and AMD keep.
"""

from collections.abc import Mapping

from kdtoolbox.config_files.clip_loaders import CLIP_PIPELINE, Pipeline


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
