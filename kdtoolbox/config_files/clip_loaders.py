"""Pipelines and data loaders that the data sets of ``configs/_base_/datasets/`` share; plain settings, without torch.

Training takes one random clip of 16 frames a video, cropped to 224² (the teacher's size; the student's view halves it).
Validation takes clips evenly spaced over the video, 112² centre crop, of the gallery (training videos) and the queries
(test videos) of clip retrieval; accuracy is that on the queries.
"""

from collections.abc import Mapping

Pipeline = list[dict]

CLIP_PIPELINE: Pipeline = [
    dict(type='FormatShape', input_format='NCTHW'),
    dict(type='PackActionInputs', meta_keys=('sample_id', 'role')),
]


def pipelines(*, num_val_clips: int) -> tuple[Pipeline, Pipeline, Pipeline]:
    """What every pipeline ends with, :func:`train_pipeline` and :func:`val_pipeline`.

    Args:
        num_val_clips: of each video in validation and testing.
    """
    return CLIP_PIPELINE, train_pipeline(), val_pipeline(num_clips=num_val_clips)


def train_pipeline() -> Pipeline:
    """One clip of 16 frames from anywhere in the video, 224²."""
    return [
        dict(type='OpenVideo'),
        dict(type='SampleFrames', clip_len=16, num_clips=1, out_of_bound_opt='loop'),
        dict(type='DecodeClip'),
        # Square crops of five scales from the corners or the centre.
        dict(
            type='MultiScaleCrop',
            input_size=224,
            scales=(1, 0.8409, 0.7071, 0.5946, 0.5),
            max_wh_scale_gap=0,
            random_crop=False,
            num_fixed_crops=5,
        ),
        dict(type='Resize', scale=(224, 224), keep_ratio=False),
        dict(type='Flip', flip_ratio=0.5),
        *CLIP_PIPELINE,
    ]


def val_pipeline(*, num_clips: int) -> Pipeline:
    """Clips of 16 frames, evenly spaced, 112²; for another ``model.student_view.size`` the sizes are scaled."""
    return [
        dict(type='OpenVideo'),
        dict(type='SampleClipsEvenly', clip_len=16, num_clips=num_clips),
        dict(type='DecodeClip'),
        dict(type='Resize', scale=(171, 128), keep_ratio=False),
        dict(type='CenterCrop', crop_size=112),
        *CLIP_PIPELINE,
    ]


def train_dataloader(source: Mapping, pipeline: Pipeline) -> dict:
    """Batches of 32 clips of the training videos, shuffled.

    Args:
        source: the data set without its part (``subset``) and pipeline.
        pipeline: its transforms.
    """
    return dict(
        batch_size=32,
        num_workers=8,
        persistent_workers=True,
        drop_last=True,
        sampler=dict(type='DefaultSampler', shuffle=True),
        dataset=dict(source, subset='training', pipeline=pipeline),
    )


def val_dataloader(source: Mapping, pipeline: Pipeline, *, gallery: Mapping | None = None) -> dict:
    """The gallery and the queries of clip retrieval, in order.

    Args:
        source: the data set without its part (``subset``) and pipeline.
        pipeline: its transforms.
        gallery: more settings of the gallery, such as ``labels_per_class`` for a part of the training videos.
    """
    videos = dict(pipeline=pipeline, test_mode=True)
    return dict(
        batch_size=8,
        num_workers=8,
        persistent_workers=True,
        sampler=dict(type='DefaultSampler', shuffle=False),
        dataset=dict(
            type='ConcatDataset',
            datasets=[
                dict(source, subset='training', role='gallery', **(gallery or {}), **videos),
                dict(source, subset='validation', role='query', **videos),
            ],
        ),
    )
