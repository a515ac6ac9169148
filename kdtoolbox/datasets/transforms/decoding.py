"""Transforms that open a video or a folder of frames, and decode the frames of clips."""

import logging
import os
from collections.abc import Callable
from functools import partial
from typing import Any, Literal

import cv2
import numpy as np
from mmcv.transforms import BaseTransform
from mmengine.logging import print_log

from kdtoolbox.datasets.transforms.frame_files import read_frames
from kdtoolbox.datasets.transforms.watching import Watch, retried
from kdtoolbox.plain_files import numbered_lines
from kdtoolbox.registry import TRANSFORMS
from kdtoolbox.video import DecodeError, VideoReader, frames_between
from kdtoolbox.video.decoder_versions import decoder_version
from kdtoolbox.video.killable import KillableReader
from kdtoolbox.video.torchcodec_reader import TorchCodecReader, torchcodec_imports

_warned_of: set[str] = set()


@TRANSFORMS.register_module()
class OpenVideo(BaseTransform):
    """Open the video, so that a sampler can choose frames.

    Reads ``filename``, sets ``video_reader``, ``total_frames`` and ``avg_fps``; a folder of frames (``frame_dir``)
    comes with the latter two. ``decoder`` becomes what decodes it, with its version. With ``segment_seconds`` ``[start,
    end)``, ``total_frames`` is the segment's and ``offset`` is its first frame: those are the frames that begin in it,
    by the frames' own times, so that neighbouring segments share no frame.

    The frames of some videos (AVI) can only be counted by decoding. This is done once: the workers of a data set share
    the number in ``frame_counts[video_number]``.

    Args:
        decoder: 'pyav' gives the i-th frame that playing the file shows, of any file; 'torchcodec' gives the same, by
            torchcodec where it finds them, see :class:`TorchCodecReader`; 'auto' is 'torchcodec' where that imports,
            else 'pyav'; 'decord' is right only for files without B-frames.
        max_short_side: frames of 'pyav' with more pixels on their shorter side are scaled down to it as they are
            decoded: ten clips of 4K would need 4 GB otherwise. None keeps all pixels.
        time_limit_seconds: without a frame for so long, decoding is given up and tried again in a process that can be
            killed; a large file or a slow disk goes on as long as frames come. The decoder 'decord', which can hang for
            ever and stop its whole process (https://github.com/dmlc/decord/issues/375), always runs in such a process.
        device: 'cuda' decodes by torchcodec on an NVIDIA GPU; workers of a data loader then need
            ``multiprocessing_context='spawn'``.

    Raises:
        ValueError: torchcodec is asked for and does not import, or an option is none of these.
        DecodeError: the file does not open, or the segment starts after its end.
    """

    def __init__(
        self,
        decoder: Literal['pyav', 'torchcodec', 'auto', 'decord'] = 'pyav',
        max_short_side: int | None = 320,
        time_limit_seconds: float = 60,
        device: str = 'cpu',
    ) -> None:
        decoder = _settled(decoder, device)
        if max_short_side is not None and max_short_side < 1:
            raise ValueError(f'OpenVideo(max_short_side={max_short_side}): expected pixels, or None for no limit')
        self.decoder = decoder
        self.device = device
        self.max_short_side = max_short_side
        self._watch = Watch(time_limit_seconds)

    def transform(self, results: dict) -> dict:
        if 'frame_dir' not in results:
            path = results['filename']
            counts, number = results.pop('frame_counts', None), results.get('video_number')
            known = int(counts[number]) if counts is not None else 0
            reader = retried(lambda: self._open(path, known or None), path=path)
            if counts is not None:
                counts[number] = len(reader)
            results['video_reader'] = reader
            results['total_frames'] = len(reader)
            results['avg_fps'] = reader.frames_per_second
        results['decoder'] = self._decoder_of(results)
        if 'segment_seconds' in results:
            _restrict_to_segment(results)
        return results

    def _decoder_of(self, results: dict) -> str:
        if 'frame_dir' in results:
            return decoder_version('jpeg')
        if self.decoder != 'decord' and self.max_short_side is not None:
            return f'{decoder_version(self.decoder)}, max_short_side {self.max_short_side}'
        return decoder_version(self.decoder)

    def _open(self, path: str, known_num_frames: int | None) -> VideoReader | KillableReader:
        if self.decoder == 'decord':
            from kdtoolbox.video.decord_reader import DecordReader  # only needed where a config asks for it

            return self._watch.open_killable(path, DecordReader)
        options: dict[str, Any] = dict(max_short_side=self.max_short_side, known_num_frames=known_num_frames)
        make: Callable[..., Any] = partial(VideoReader, **options)
        if self.decoder == 'torchcodec':
            make = partial(TorchCodecReader, device=self.device, **options)
        reader = self._watch.open(path, make)
        if reader.damage and path not in _warned_of:
            _warned_of.add(path)
            print_log(str(reader.damage), 'current', logging.WARNING)
        return reader


@TRANSFORMS.register_module()
class DecodeClip(BaseTransform):
    """Decode the frames ``frame_inds`` to ``imgs``, a list of (H, W, 3) RGB uint8.

    Reads what OpenVideo and a sampler set; decodes a frame once however often it is in the clips.

    Args:
        time_limit_seconds: as in OpenVideo.
        jpeg_short_side: frames of a ``frame_dir`` are decoded at a half, a quarter or an eighth of their size where the
            shorter side then still has so many pixels, which takes a fraction of the time. Take the size that the
            pipeline resizes to; for square crops down to a half of the picture (MultiScaleCrop), twice the student's
            size. Teachers see these pixels as well. None decodes all pixels.

    Raises:
        DecodeError: a frame cannot be decoded, or not in time.
    """

    def __init__(self, time_limit_seconds: float = 60, jpeg_short_side: int | None = None) -> None:
        if jpeg_short_side is not None and jpeg_short_side < 1:
            raise ValueError(f'DecodeClip(jpeg_short_side={jpeg_short_side}): expected pixels, or None for all of them')
        self._watch = Watch(time_limit_seconds)
        self.jpeg_short_side = jpeg_short_side

    def transform(self, results: dict) -> dict:
        if 'frame_dir' in results:
            return self._decode_frame_files(results)
        reader = results.pop('video_reader')
        indices = results['frame_inds'] + results.get('offset', 0)
        images = retried(lambda: self._watch.frames(reader, indices), path=results['filename'])
        reader.close()
        return _with_images(results, images)

    def _decode_frame_files(self, results: dict) -> dict:
        folder, name = results['frame_dir'], results['filename_tmpl']
        numbers = np.asarray(results['frame_inds']).reshape(-1) + results.get('offset', 0)
        files = [os.path.join(folder, name.format(number)) for number in numbers]
        try:
            images = retried(lambda: read_frames(files, min_short_side=self.jpeg_short_side), path=folder)
        except (OSError, cv2.error) as error:
            reason = str(error).strip().splitlines()[0]
            raise DecodeError(f'{folder}: a frame cannot be read: {reason}') from error
        if self.jpeg_short_side is not None and 'decoder' in results:
            results['decoder'] += f', jpeg_short_side {self.jpeg_short_side}'
        return _with_images(results, images)


def _with_images(results: dict, images: list[np.ndarray]) -> dict:
    results['imgs'] = images
    results['original_shape'] = results['img_shape'] = images[0].shape[:2]
    return results


def _settled(decoder: str, device: str) -> Literal['pyav', 'torchcodec', 'decord']:
    if decoder == 'auto':
        decoder = 'torchcodec' if torchcodec_imports() else 'pyav'
    elif decoder == 'torchcodec' and not torchcodec_imports():
        raise ValueError(
            "OpenVideo(decoder='torchcodec'): torchcodec does not import. Install kdtoolbox[torchcodec], and FFmpeg "
            "(4 to 9) with its shared libraries where the system finds them; decoder='auto' takes PyAV without it"
        )
    if decoder not in ('pyav', 'torchcodec', 'decord'):
        raise ValueError(f"OpenVideo(decoder={decoder!r}): expected 'pyav', 'torchcodec', 'auto' or 'decord'")
    if device != 'cpu' and (decoder != 'torchcodec' or not device.startswith('cuda')):
        raise ValueError(
            f"OpenVideo(decoder={decoder!r}, device={device!r}): only torchcodec decodes on another device, 'cuda'"
        )
    return decoder  # type: ignore[return-value]  # it is one of the three


def _restrict_to_segment(results: dict) -> None:
    start, end = results['segment_seconds']
    path = results.get('filename') or results['frame_dir']
    seconds, end_of_video = _frame_times(results)
    if start >= end_of_video:
        raise DecodeError(f'{path} ends at {end_of_video:.2f} s, before its segment {start} s to {end} s')
    try:
        frames = frames_between(seconds, start, end)
    except ValueError as error:
        raise DecodeError(f'{path} shows nothing in its segment {start} s to {end} s: {error}') from None
    results['offset'] = frames.start
    results['total_frames'] = len(frames)


def _frame_times(results: dict) -> tuple[np.ndarray, float]:
    """(F,) when each frame begins, in seconds, and when the last one ends."""
    if 'video_reader' in results:
        seconds = results['video_reader'].seconds
        return seconds, float(seconds[-1]) + 1 / results['avg_fps']
    folder = results['frame_dir']
    if not results.get('avg_fps'):
        raise ValueError(
            f'{folder} has no file "fps", or none of a rate above 0, so the frames of a segment cannot be found: '
            'write it with the preparation tools'
        )
    if 'frame_times_file' in results:
        seconds = _read_times(results['frame_times_file'], results['total_frames'])
        return seconds, float(seconds[-1]) + 1 / results['avg_fps']
    return np.arange(results['total_frames']) / results['avg_fps'], results['total_frames'] / results['avg_fps']


def _read_times(file: str, total_frames: int) -> np.ndarray:
    seconds = np.empty(total_frames)
    lines = numbered_lines(file)
    for place, (number, line) in enumerate(lines[:total_frames]):
        try:
            seconds[place] = float(line)
        except ValueError:
            raise ValueError(
                f'{file}, line {number}: the times of frames are a number of seconds a line, got {line[:40]!r}'
            ) from None
    if len(lines) != total_frames or not np.isfinite(seconds).all() or (np.diff(seconds) <= 0).any():
        raise ValueError(
            f'{file} holds {len(lines)} times: expected one for each of {total_frames} frames, '
            'ascending; extract this video again'
        )
    return seconds
