"""The student's test pipeline with mmaction2's own transforms."""

from collections.abc import Mapping, Sequence

from kdtoolbox.engine.plain_values import refuse_unknown_types
from kdtoolbox.registry import TRANSFORMS

# Ours -> mmaction2's. Its readers of frames find the same ones in most files; those of decord need the least memory and
# know the number of frames where PyAVInit may take it to be 0.
OURS = {'OpenVideo': 'DecordInit', 'SampleClipsEvenly': 'SampleFrames', 'DecodeClip': 'DecordDecode'}


def plain_pipeline(pipeline: Sequence[Mapping]) -> list[dict]:
    """The pipeline for a video file in mmaction2 alone.

    Its clips start where :class:`SampleClipsEvenly` starts them, give or take a frame and, with a frame stride, the
    rest of one.

    Raises:
        ValueError: a transform is not mmaction2's, and is none that has a counterpart there.

    >>> plain_pipeline([dict(type='SampleClipsEvenly', clip_len=8, num_clips=2, frame_stride=4)])
    [{'type': 'SampleFrames', 'clip_len': 8, 'frame_interval': 4, 'num_clips': 2, 'test_mode': True}]
    """
    plain = [_plain(dict(transform)) for transform in pipeline]
    # Looked up without kdtoolbox's: these are to be found where it is not installed.
    known = set(TRANSFORMS.names()) - set(TRANSFORMS.module_dict)
    refuse_unknown_types(plain, known, what='the test pipeline')
    return plain


def _plain(transform: dict) -> dict:
    kind = transform.get('type')
    if kind == 'SampleClipsEvenly':
        return dict(
            type='SampleFrames',
            clip_len=transform.get('clip_len', 16),
            frame_interval=transform.get('frame_stride', 1),
            num_clips=transform.get('num_clips', 10),
            test_mode=True,
        )
    if kind in OURS:
        return dict(type=OURS[kind])
    return dict(type=kind) if kind == 'PackActionInputs' else transform  # no names and roles of ours
