"""Exact reading of video files: frame i is the i-th frame in the order of playing."""

from kdtoolbox.video.errors import DamagedVideo, DecodeError, DecodeTimeout
from kdtoolbox.video.frame_index import FrameIndex
from kdtoolbox.video.frame_times import frames_between
from kdtoolbox.video.reader import VideoReader

__all__ = ['DamagedVideo', 'DecodeError', 'DecodeTimeout', 'FrameIndex', 'VideoReader', 'frames_between']
