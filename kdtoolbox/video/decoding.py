"""Decoding: in order from the start of a file, or from a key frame by time stamps."""

import contextlib
from collections import deque
from collections.abc import Iterable, Iterator

import av
import numpy as np
from av.video.frame import VideoFrame

from kdtoolbox.video.container import OpenedVideo
from kdtoolbox.video.errors import DamagedVideo, DecodeError, WrongTimeStamps, is_passing
from kdtoolbox.video.frame_index import FrameIndex

_MIN_FRAMES_TO_JUMP = 8
"""A jump empties the decoder and fills it again, which costs about as much as decoding so many frames."""


def decode_in_order(video: OpenedVideo) -> Iterator[VideoFrame]:
    """All frames from the first to the last, in the order of playing.

    Packets before the first frame that cannot be decoded are skipped, as in players: a file that was cut without
    re-encoding may start with some.

    Raises:
        DamagedVideo: a frame cannot be decoded completely; the frames before it were yielded.
    """
    num_frames = 0
    packets = video.container.demux(video.stream)
    while True:
        try:
            packet = next(packets, None)
            frames = packet.decode() if packet is not None else []
        except av.error.FFmpegError as error:
            if is_passing(error):
                raise DecodeError(f'{video.path} cannot be read: {error.strerror}') from error
            if num_frames:
                raise DamagedVideo(video.path, num_frames, video.stream.frames or None, video.coding) from None
            continue
        if packet is None:
            return
        for frame in frames:
            video.on_frame()
            if frame.is_corrupt and num_frames:
                raise DamagedVideo(video.path, num_frames, video.stream.frames or None, video.coding)
            yield frame
            num_frames += 1


def decode_by_time(video: OpenedVideo, index: FrameIndex, wanted: Iterable[int]) -> Iterator[tuple[int, VideoFrame]]:
    """The frames ``wanted``, ascending and each once, found by their time stamps from the key frame before each.

    Yields:
        (number, frame).

    Raises:
        DamagedVideo: a frame that is needed cannot be decoded.
        WrongTimeStamps: the frames that come do not have the time stamps of the index.
    """
    pending = deque(wanted)
    while pending:
        key = int(index.key_frames[np.searchsorted(index.key_frames, pending[0], side='right') - 1])
        yield from _decode_from(key, pending, video, index)


def _decode_from(
    key: int, pending: deque[int], video: OpenedVideo, index: FrameIndex
) -> Iterator[tuple[int, VideoFrame]]:
    """Decode from a key frame until no wanted frame is left, or a later key frame is much nearer to the next one."""
    video.container.seek(int(index.time_stamps[key]), stream=video.stream)
    expected = key
    frames = _frames_to_the_end_or_the_damage(video)
    for frame in frames:
        if frame is None:  # damaged
            raise DamagedVideo(video.path, expected, len(index), video.coding)
        if frame.pts is not None and frame.pts < index.time_stamps[key]:
            continue  # a leading frame: it refers to frames before the key frame, which were not decoded
        # Every frame in turn: were only the wanted ones compared, wrong time stamps might fit by chance.
        # If all are wrong by a frame, they fit one another, but not at a key frame.
        if (
            expected >= len(index)
            or frame.pts != index.time_stamps[expected]
            or (expected == key and not frame.key_frame)
        ):
            if next((True for later in frames if later is None), False):
                raise DamagedVideo(video.path, expected, len(index), video.coding)
            raise WrongTimeStamps
        expected += 1
        if expected - 1 < pending[0]:
            continue
        yield pending.popleft(), frame
        if not pending:
            return
        next_key = int(index.key_frames[np.searchsorted(index.key_frames, pending[0], side='right') - 1])
        if next_key > expected + _MIN_FRAMES_TO_JUMP:
            return
    raise WrongTimeStamps


def _frames_to_the_end_or_the_damage(video: OpenedVideo) -> Iterator[VideoFrame | None]:
    """Frames from where the file stands; None after the last one that can be trusted, if there is damage."""
    try:
        for packet in video.container.demux(video.stream):
            for frame in packet.decode():
                video.on_frame()
                if frame.is_corrupt:
                    yield None
                    return
                yield frame
    except av.error.FFmpegError as error:
        if is_passing(error):
            raise DecodeError(f'{video.path} cannot be read: {error.strerror}') from error
        # What was decoded before the damage still waits in the decoder; the time stamps tell where it ends.
        with contextlib.suppress(av.error.FFmpegError):
            yield from (frame for frame in video.stream.codec_context.decode(None) if not frame.is_corrupt)
        yield None
