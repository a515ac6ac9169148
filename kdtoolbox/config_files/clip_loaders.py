"""Pipelines and data loaders that the data sets of ``configs/_base_/datasets/`` share; plain settings, without torch.

Training takes one random clip of 16 frames a video, cropped to 224² (the teacher's size; the student's view halves it).
Testing takes clips evenly spaced over the video, 112² centre crop, of the gallery (training videos) and the queries
(test videos) of clip retrieval; accuracy is that on the queries. Validation is quick: fewer clips of a part of the
videos, enough to choose a checkpoint, and not to be compared with other numbers. With all of them it would be four
fifths of the arithmetic of a run.
"""

from collections.abc import Mapping, Sequence

Pipeline = list[dict]

# Of Kinetics' colours, red, green, blue, on the scale 0 to 255, as in the original experiments. They are near those of
# most videos.
KINETICS_STATISTICS = dict(mean=[110.63666788, 103.16065604, 96.29023126], std=[38.7568578, 37.88248729, 40.02898126])

CLIP_PIPELINE: Pipeline = [
    dict(type='FormatShape', input_format='NCTHW'),
    dict(type='PackActionInputs', meta_keys=('sample_id', 'role')),
]


def pipelines(*, flip: bool = True) -> tuple[Pipeline, Pipeline, Pipeline, Pipeline]:
    """What every pipeline ends with; those of training, of quick validation (2 clips a video), of the test (10).

    Args:
        flip: see :func:`train_pipeline`.
    """
    return CLIP_PIPELINE, train_pipeline(flip=flip), evenly_spaced(num_clips=2), evenly_spaced(num_clips=10)


def train_pipeline(*, flip: bool = True) -> Pipeline:
    """One clip of 16 frames from anywhere in the video, 224².

    Args:
        flip: whether half of the clips are flipped from left to right; False where classes tell the side.
    """
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
        *([dict(type='Flip', flip_ratio=0.5)] if flip else []),
        *CLIP_PIPELINE,
    ]


def evenly_spaced(*, num_clips: int, clip_len: int = 16, frame_stride: int = 1, size: int = 112) -> Pipeline:
    """Clips evenly spaced over the video, the centre; for another ``model.student_view.size`` the sizes are scaled.

    Args:
        num_clips: of each video.
        clip_len: frames of each clip.
        frame_stride: frames of the video from one frame of the clip to the next.
        size: height and width in pixels.
    """
    return [
        dict(type='OpenVideo'),
        dict(type='SampleClipsEvenly', clip_len=clip_len, num_clips=num_clips, frame_stride=frame_stride),
        dict(type='DecodeClip'),
        dict(type='Resize', scale=(171 * size // 112, 128 * size // 112), keep_ratio=False),
        dict(type='CenterCrop', crop_size=size),
        *CLIP_PIPELINE,
    ]


def three_crops(*, num_clips: int, clip_len: int, frame_stride: int, size: int) -> Pipeline:
    """As :func:`evenly_spaced`, three square crops of each clip from side to side: 5 clips give 15 views of a video."""
    return [
        *evenly_spaced(num_clips=num_clips, clip_len=clip_len, frame_stride=frame_stride)[:3],
        dict(type='Resize', scale=(-1, size)),  # the shorter side
        dict(type='ThreeCrop', crop_size=size),
        *CLIP_PIPELINE,
    ]


def with_pipeline(dataloader: Mapping, pipeline: Pipeline, *, roles: Sequence[str] = ('gallery', 'query')) -> dict:
    """The loader of validation or test with another pipeline for its data sets.

    Args:
        dataloader: of :func:`full_dataloader` or :func:`quick_dataloader`.
        pipeline: its transforms.
        roles: of the data sets that are kept: accuracy alone needs the queries only.
    """
    parts = [dict(part, pipeline=pipeline) for part in dataloader['dataset']['datasets'] if part['role'] in roles]
    return dict(dataset=dict(datasets=parts))


def retrieval_dataloader(dataloader: Mapping, *, clip_len: int, frame_stride: int = 4, size: int) -> dict:
    """The quick validation's loader with three clips of a video, for transformers that learn without labels.

    Args:
        dataloader: of :func:`quick_dataloader`.
        clip_len: frames of each clip.
        frame_stride: frames of the video from one frame of the clip to the next.
        size: height and width in pixels.
    """
    return with_pipeline(
        dataloader, evenly_spaced(num_clips=3, clip_len=clip_len, frame_stride=frame_stride, size=size)
    )


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
