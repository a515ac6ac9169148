"""Making the frame index of a file: from the list of its packets, or by decoding all frames."""

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import av
import numpy as np
from av.video.frame import VideoFrame

from kdtoolbox.video.container import OpenedVideo
from kdtoolbox.video.decoding import decode_by_time, decode_in_order
from kdtoolbox.video.errors import DamagedVideo, DecodeError, WrongTimeStamps
from kdtoolbox.video.frame_index import FrameIndex

# Containers that store the time of each packet, and codecs of which every packet is shown as one frame. Not VP8 (it has
# packets that are never shown) and not MPEG-4 part 2 (its packets may hold two frames, or none).
_CONTAINERS_WITH_TIMES = {'mov', 'matroska'}
_ONE_FRAME_A_PACKET = {'h264', 'hevc', 'vp9', 'av1'}
_MIN_CODED_BYTES = 16
"""A smaller packet of MPEG-4 part 2 says "as before" and is not shown as a frame."""

_MAX_GAP_SECONDS = 10
"""A longer step between two frames of a stream that was joined from several means that its clock was reset."""

_FRAMES_TO_COMPARE = 12
"""Frames to compare after each key frame: those that refer to earlier frames differ within these, if at all."""

_NO_KEY_FRAMES = np.empty(0, np.int64)


def is_listed_by_packets(video: OpenedVideo) -> bool:
    """Whether container and codec are such that every packet has its own time stamp and is shown as one frame.

    AVI has no times, but MPEG-4 part 2 without B-frames (UCF-101) is shown in the order in which it is stored.
    """
    container, codec = video.container.format.name.split(',')[0], video.stream.codec_context
    return (container in _CONTAINERS_WITH_TIMES and codec.codec.canonical_name in _ONE_FRAME_A_PACKET) or (
        container == 'avi' and codec.codec.canonical_name == 'mpeg4' and not codec.has_b_frames
    )


def index_by_rate(num_frames: int, video: OpenedVideo) -> FrameIndex:
    """The frames of a file without time stamps: equally spaced."""
    rate = video.frames_per_second
    return FrameIndex(np.arange(num_frames), 1 / rate, 0.0, _NO_KEY_FRAMES, float(rate))


def index_from_packets(video: OpenedVideo) -> FrameIndex | None:
    """The frames of the file, from the list of its packets, which takes milliseconds.

    None where the list does not tell: :func:`is_listed_by_packets` is false, or the list shows that it is not so. Then
    only decoding in order tells.
    """
    if not is_listed_by_packets(video):
        return None
    try:
        packets = [
            (packet.pts, packet.is_keyframe, packet.size)
            for packet in video.container.demux(video.stream)
            if packet.size and not packet.is_discard
        ]
    except av.error.FFmpegError:
        return None
    stamps = [stamp for stamp, _, _ in packets if stamp is not None]
    if (
        not packets
        or len(stamps) < len(packets)
        or len(set(stamps)) < len(stamps)
        or not packets[0][1]
        or min(stamps) < stamps[0]
    ):
        return None
    if not video.has_time_stamps and (
        stamps != list(range(len(stamps))) or min(size for _, _, size in packets) < _MIN_CODED_BYTES
    ):
        return None
    ascending = np.sort(np.array(stamps, np.int64))
    keys = np.sort(np.array([stamp for stamp, (_, is_key, _) in zip(stamps, packets) if is_key], np.int64))
    return FrameIndex(
        ascending,
        video.time_base,
        video.start_seconds,
        np.searchsorted(ascending, keys),
        _average_rate(ascending, video),
    )


@dataclass(frozen=True)
class DecodedFile:
    """The result of decoding a whole file.

    Args:
        index: the frames that came out; to be read in order.
        size: (width, height) of the first, as stored.
        frames: all of them as decoded, None if they need more memory than was allowed.
        damage: why decoding ended before the end of the file, None if it did not.
    """

    index: FrameIndex
    size: tuple[int, int]
    frames: list[VideoFrame] | None
    damage: DamagedVideo | None


def decode_whole(
    video: OpenedVideo, *, max_kept_bytes: int = 0, look_at: Callable[[VideoFrame], None] = lambda frame: None
) -> DecodedFile:
    """Decode a file that was just opened from its first frame to its last; ``look_at`` is called with each.

    Raises:
        DecodeError: no frame comes out.
    """
    stamps: list[int | None] = []
    size: tuple[int, int] | None = None
    damage: DamagedVideo | None = None
    kept: list[VideoFrame] = []
    max_kept = 0
    try:
        for frame in decode_in_order(video):
            if size is None:
                size = (frame.width, frame.height)
                max_kept = max_kept_bytes // sum(plane.buffer_size for plane in frame.planes)
            stamps.append(frame.pts)
            look_at(frame)
            if len(stamps) <= max_kept:
                kept.append(frame)
            else:
                kept = []
    except DamagedVideo as error:
        damage = error
    if size is None:
        raise DecodeError(
            f'{video.path} cannot be decoded: no frame comes out of it ({video.coding}). Encode it again: '
            'ffmpeg -i FILE NEW.mp4'
        )
    return DecodedFile(_index_in_order(stamps, video), size, kept if len(kept) == len(stamps) else None, damage)


def verified_index(path: str) -> tuple[FrameIndex, DamagedVideo | None]:
    """The index of a file by decoding all of it; from then on there is nothing left to find out.

    A file whose frames come with the time stamps of its packets can be read from those of its key frames behind which
    the pictures are, bit by bit, the ones that decoding in order gives. Of a damaged file the frames before the damage
    are the whole.

    Raises:
        DecodeError: the file cannot be opened, or no frame comes out.
    """
    video = OpenedVideo(path)
    try:
        listed = index_from_packets(video)
    finally:
        video.close()
    video = OpenedVideo(path)
    fingerprints: list[int] = []
    try:
        decoded = decode_whole(video, look_at=lambda frame: fingerprints.append(_fingerprint(frame)))
        index, stamps = decoded.index, decoded.index.time_stamps
        if (
            listed is not None
            and np.array_equal(listed.time_stamps[: len(stamps)], stamps)
            and (decoded.damage or len(listed) == len(stamps))
        ):
            keys = listed.key_frames[listed.key_frames < len(stamps)]
            index = replace(listed, time_stamps=stamps, key_frames=keys)
            proven = [key for key in keys.tolist() if key == 0 or _decodes_alike_from(key, index, video, fingerprints)]
            index = replace(index, key_frames=np.array(proven, np.int64))
        return index, decoded.damage
    finally:
        video.close()


def _decodes_alike_from(key: int, index: FrameIndex, video: OpenedVideo, fingerprints: Sequence[int]) -> bool:
    wanted = range(key, min(key + _FRAMES_TO_COMPARE, len(index)))
    only_this = replace(index, key_frames=np.array([key], np.int64))
    try:
        return all(
            _fingerprint(frame) == fingerprints[number] for number, frame in decode_by_time(video, only_this, wanted)
        )
    except (WrongTimeStamps, DamagedVideo):
        return False


def _fingerprint(frame: VideoFrame) -> int:
    return zlib.crc32(np.ascontiguousarray(frame.to_ndarray(format='gray', threads=1)).data)


def _index_in_order(stamps: Sequence[int | None], video: OpenedVideo) -> FrameIndex:
    if not video.has_time_stamps:
        return index_by_rate(len(stamps), video)
    fitted = time_stamps_in_order(stamps, video)
    return FrameIndex(fitted, video.time_base, video.start_seconds, _NO_KEY_FRAMES, _average_rate(fitted, video))


def time_stamps_in_order(stamps: Sequence[int | None], video: OpenedVideo) -> np.ndarray:
    """(F,) strictly ascending time stamps of frames that were decoded in order, in units of the stream's time base.

    A frame without a time of its own, or with one that does not fit the order, comes one average frame after the one
    before it; and so does the first frame behind a jump of the clock, from which times then go on.
    """
    step = max(round(1 / (video.frames_per_second * video.time_base)), 1)
    longest = int(_MAX_GAP_SECONDS / video.time_base)
    can_jump = video.container.format.name in ('mpegts', 'mpeg')
    offset = 0
    fitted: list[int] = []
    for stamp in stamps:
        last = fitted[-1] if fitted else None
        if stamp is not None and (
            last is None or (last < stamp + offset and not (can_jump and stamp + offset - last > longest))
        ):
            fitted.append(stamp + offset)
            continue
        expected = 0 if last is None else last + step
        if stamp is not None and can_jump and last is not None and abs(stamp + offset - expected) > longest:
            offset = expected - stamp
        fitted.append(expected)
    return np.array(fitted, np.int64)


def _average_rate(stamps: np.ndarray, video: OpenedVideo) -> float:
    """Frames a second from the first frame to the last; of a single frame, what the header says."""
    span = float((int(stamps[-1]) - int(stamps[0])) * video.time_base)
    return (len(stamps) - 1) / span if span > 0 else float(video.frames_per_second)
