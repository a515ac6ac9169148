"""From a video file, or a folder of frames, to the frames of a clip."""

import math
import queue
import re
import threading
from collections.abc import Callable
from typing import Any

import cv2
import decord
import numpy as np
from mmaction.datasets.transforms import RawFrameDecode
from mmcv.transforms import BaseTransform

from kdtoolbox.registry import TRANSFORMS


class DecodeError(Exception):
    """A video cannot be opened or decoded: the fault of the file, not of the program."""


class DecodeTimeout(DecodeError):
    """Decoding takes so long that it may never end, and must not be tried again."""


@TRANSFORMS.register_module()
class OpenVideo(BaseTransform):
    """Open the video, so that a sampler can choose from its frames.

    Reads ``filename``, sets ``video_reader``, ``total_frames`` and ``avg_fps``; a folder of frames (``frame_dir``)
    comes with the latter two. With ``segment_seconds``, ``total_frames`` is the segment's and ``offset`` is its first
    frame.

    Args:
        time_limit_seconds: decord can hang for ever on some files (https://github.com/dmlc/decord/issues/269);
            a hanging thread is abandoned then.

    Raises:
        DecodeError: the file does not open in time, or the segment lies behind its end.
    """

    def __init__(self, time_limit_seconds: float = 60) -> None:
        self.time_limit_seconds = time_limit_seconds

    def transform(self, results: dict) -> dict:
        if 'frame_dir' not in results:
            path = results['filename']
            reader = within_time_limit(lambda: _open(path), path=path, seconds=self.time_limit_seconds)
            results['video_reader'] = reader
            results['total_frames'] = len(reader)
            results['avg_fps'] = reader.get_avg_fps()
        if 'segment_seconds' in results:
            _restrict_to_segment(results)
        return results


@TRANSFORMS.register_module()
class DecodeClip(BaseTransform):
    """Decode the frames ``frame_inds`` to ``imgs``, a list of (H, W, 3) RGB uint8.

    Reads what OpenVideo and a sampler set; decodes a frame once however often it is in the clips. Frames of a
    ``frame_dir`` are read by mmaction2's RawFrameDecode.

    Args:
        time_limit_seconds: for all frames of a sample, as in OpenVideo.

    Raises:
        DecodeError: a frame cannot be decoded, or not in time.
    """

    def __init__(self, time_limit_seconds: float = 60) -> None:
        self.time_limit_seconds = time_limit_seconds
        self.decode_frame_files = RawFrameDecode()

    def transform(self, results: dict) -> dict:
        if 'frame_dir' in results:
            return self._decode_frame_files(results)
        reader = results.pop('video_reader')
        indices = results['frame_inds'] + results.get('offset', 0)
        results['imgs'] = within_time_limit(lambda: _decode(reader, indices, results['filename']),
                                            path=results['filename'], seconds=self.time_limit_seconds)
        results['original_shape'] = results['img_shape'] = results['imgs'][0].shape[:2]
        return results

    def _decode_frame_files(self, results: dict) -> dict:
        try:
            return self.decode_frame_files(results)
        except (FileNotFoundError, cv2.error) as error:
            raise DecodeError(f'{results["frame_dir"]}: a frame cannot be read: {_first_line(error)}') from error


def within_time_limit(function: Callable[[], Any], *, path: str, seconds: float) -> Any:
    """What ``function`` returns or raises.

    Raises:
        DecodeTimeout: it takes longer than ``seconds``; it then goes on in a thread that nobody waits for.
    """
    outcome: queue.SimpleQueue = queue.SimpleQueue()

    def work() -> None:
        try:
            outcome.put((function(), None))
        except Exception as error:  # whatever it is, it is raised where the caller waits
            outcome.put((None, error))

    threading.Thread(target=work, daemon=True, name='decode').start()
    try:
        value, error = outcome.get(timeout=seconds)
    except queue.Empty:
        raise DecodeTimeout(f'{path} is not decoded within {seconds} s') from None
    if error is not None:
        raise error
    return value


def _open(path: str) -> decord.VideoReader:
    try:
        return decord.VideoReader(path, num_threads=1)
    except (decord.DECORDError, RuntimeError, AssertionError) as error:  # decord asserts that there are frames
        raise DecodeError(f'{path} cannot be opened: {_first_line(error)}') from error


def _decode(reader: decord.VideoReader, indices: np.ndarray, path: str) -> list[np.ndarray]:
    frames: dict[int, np.ndarray] = {}
    for index in np.unique(indices).tolist():
        try:
            # One by one: get_batch can hang for ever (https://github.com/dmlc/decord/issues/375).
            frames[index] = without_padding(reader[index].asnumpy())
        except (decord.DECORDError, StopIteration, IndexError) as error:
            reason = _first_line(error)
            raise DecodeError(f'{path}: frame {index} of {len(reader)} cannot be decoded: {reason}') from error
    # A repeated frame is copied, because mmaction2's Flip works in place.
    return [frames[index] if position == 0 or index not in indices[:position] else frames[index].copy()
            for position, index in enumerate(indices.tolist())]


def without_padding(frame: np.ndarray) -> np.ndarray:
    """(H, W, 3) of a frame as decord 0.6.0, the last release, gives it.

    Of some narrow videos, widths 16, 24, 48 and 72 among them, it takes the bytes that fill up a row for more channels.

    >>> without_padding(np.array([[[1, 2, 3, 4], [5, 6, 0, 0]]], np.uint8)).tolist()
    [[[1, 2, 3], [4, 5, 6]]]
    """
    height, width, channels = frame.shape
    if channels == 3:
        return frame
    rows = frame.reshape(height, width * channels)
    return rows[:, :width * 3].reshape(height, width, 3)


def _restrict_to_segment(results: dict) -> None:
    start, end = results['segment_seconds']
    path = results.get('filename') or results['frame_dir']
    if 'avg_fps' not in results:
        raise ValueError(f'{path} has no file "fps", so the segment from {start} s cannot be found: write it with the '
                         'preparation tools')
    first = math.floor(start * results['avg_fps'])
    stop = min(math.ceil(end * results['avg_fps']), results['total_frames'])
    if first >= stop:
        raise DecodeError(f'{path} ends before, or at the begin of, its segment {start} s to {end} s')
    results['offset'] = first
    results['total_frames'] = stop - first


def _first_line(error: Exception) -> str:
    """decord's errors begin with the time and place in its source and go on with a stack of addresses."""
    lines = re.sub(r'\[[\d:]+\] \S+:\d+: ', '', str(error)).strip().splitlines()
    return lines[0] if lines else type(error).__name__
