"""Sampling of clips."""

import numpy as np
from mmcv.transforms import BaseTransform

from kdtoolbox.registry import TRANSFORMS


def evenly_spaced_clips(total_frames: int, *, clip_len: int, num_clips: int, frame_stride: int = 1) -> np.ndarray:
    """Frame indices, (num_clips, clip_len), of clips from the beginning to the end of a video.

    Clips start at floor(x - s / 2) with s = clip_len · frame_stride and x evenly spaced from s / 2 to
    total_frames - s / 2; a single clip is the middle one. All clips of a video shorter than s start at its first
    frame, and it is repeated.

    >>> evenly_spaced_clips(9, clip_len=4, num_clips=3)
    array([[0, 1, 2, 3],
           [2, 3, 4, 5],
           [5, 6, 7, 8]])
    >>> evenly_spaced_clips(3, clip_len=4, num_clips=1)
    array([[0, 1, 2, 0]])
    """
    last_start = max(total_frames - clip_len * frame_stride, 0)
    # Whole numbers throughout: floor() of a linspace is off by one where rounding takes it below a whole number.
    starts = np.arange(num_clips) * last_start // (num_clips - 1) if num_clips > 1 else np.array([last_start // 2])
    return (starts[:, None] + np.arange(clip_len) * frame_stride) % total_frames


@TRANSFORMS.register_module()
class SampleClipsEvenly(BaseTransform):
    """Clips evenly spaced over the video, for evaluation; see :func:`evenly_spaced_clips`.

    Reads ``total_frames`` and ``start_index``, sets the keys that mmaction2's SampleFrames sets.
    """

    def __init__(self, clip_len: int = 16, num_clips: int = 10, frame_stride: int = 1) -> None:
        if min(clip_len, num_clips, frame_stride) < 1:
            raise ValueError(
                f'SampleClipsEvenly(clip_len={clip_len}, num_clips={num_clips}, '
                f'frame_stride={frame_stride}): expected 1 or more of each'
            )
        self.clip_len = clip_len
        self.num_clips = num_clips
        self.frame_stride = frame_stride

    def transform(self, results: dict) -> dict:
        frames = evenly_spaced_clips(
            results['total_frames'], clip_len=self.clip_len, num_clips=self.num_clips, frame_stride=self.frame_stride
        )
        results['frame_inds'] = frames.reshape(-1).astype(np.int32) + results['start_index']
        results['clip_len'] = self.clip_len
        results['num_clips'] = self.num_clips
        results['frame_interval'] = self.frame_stride
        return results
