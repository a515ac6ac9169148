"""Pipelines and data loaders that the data sets of ``configs/_base_/datasets/`` share; plain settings, without torch.

Training takes one random clip of 16 frames a video, cropped to 224² (the teacher's size; the student's view halves it).
Testing takes clips evenly spaced over the video, 112² centre crop, of the gallery (training videos) and the queries
(test videos) of clip retrieval; accuracy is that on the queries. Validation is quick: fewer clips of a part of the
videos, enough to choose a checkpoint, and not to be compared with other numbers. With all of them it would be four
fifths of the arithmetic of a run.
"""

from collections.abc import Mapping

Pipeline = list[dict]

CLIP_PIPELINE: Pipeline = [
    dict(type='FormatShape', input_format='NCTHW'),
    dict(type='PackActionInputs', meta_keys=('sample_id', 'role')),
]


def pipelines() -> tuple[Pipeline, Pipeline, Pipeline, Pipeline]:
    """What every pipeline ends with; those of training, of quick validation (2 clips a video), of the test (10)."""
    return CLIP_PIPELINE, train_pipeline(), evenly_spaced(num_clips=2), evenly_spaced(num_clips=10)


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


def evenly_spaced(*, num_clips: int) -> Pipeline:
    """Clips of 16 frames, evenly spaced, 112²; for another ``model.student_view.size`` the sizes are scaled."""
    return [
        dict(type='OpenVideo'),
        dict(type='SampleClipsEvenly', clip_len=16, num_clips=num_clips),
        dict(type='DecodeClip'),
        dict(type='Resize', scale=(171, 128), keep_ratio=False),
        dict(type='CenterCrop', crop_size=112),
        *CLIP_PIPELINE,
    ]


def dataloaders(source: Mapping) -> tuple[dict, dict, dict]:
    """Those of training, of the quick validation and of the full test, with :func:`pipelines`.

    Args:
        source: the data set without its part (``subset``) and pipeline.
    """
    _, train, quick, full = pipelines()
    return train_dataloader(source, train), quick_dataloader(source, quick), full_dataloader(source, full)


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


def full_dataloader(source: Mapping, pipeline: Pipeline) -> dict:
    """The gallery and the queries of clip retrieval, all of them, in order.

    Args:
        source: the data set without its part (``subset``) and pipeline.
        pipeline: its transforms.
    """
    return _gallery_and_queries(source, pipeline, gallery={}, queries={})


def quick_dataloader(source: Mapping, pipeline: Pipeline) -> dict:
    """As :func:`full_dataloader`, of at most 10 gallery videos and 20 queries of each class, the same in every run."""
    return _gallery_and_queries(source, pipeline, gallery=dict(max_per_class=10), queries=dict(max_per_class=20))


def _gallery_and_queries(source: Mapping, pipeline: Pipeline, *, gallery: Mapping, queries: Mapping) -> dict:
    videos = dict(pipeline=pipeline, test_mode=True)
    return dict(
        batch_size=8,
        num_workers=8,
        persistent_workers=True,
        sampler=dict(type='DefaultSampler', shuffle=False),
        dataset=dict(
            type='ConcatDataset',
            datasets=[
                dict(source, subset='training', role='gallery', **gallery, **videos),
                dict(source, subset='validation', role='query', **queries, **videos),
            ],
        ),
    )


def evaluators() -> tuple[list[dict], list[dict], tuple[list[dict], list[dict]]]:
    """Metrics of validation and of the test, accuracy and retrieval; and both with retrieval alone.

    Those of the quick validation say so by their names, ``quick_acc/top1`` …
    """
    quick, full = retrieval = [dict(type='ClipRetrieval', prefix='quick_retrieval')], [dict(type='ClipRetrieval')]
    return [dict(type='QueryAccuracy', prefix='quick_acc'), *quick], [dict(type='QueryAccuracy'), *full], retrieval
