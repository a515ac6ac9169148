"""Frames of a video file by their number."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from av.video.frame import VideoFrame

from kdtoolbox.video.container import OpenedVideo
from kdtoolbox.video.decoding import decode_by_time, decode_in_order
from kdtoolbox.video.errors import DamagedVideo, DecodeError, WrongTimeStamps
from kdtoolbox.video.frame_index import FrameIndex, load_index
from kdtoolbox.video.indexing import decode_whole, index_by_rate, index_from_packets, is_listed_by_packets
from kdtoolbox.video.pixels import rgb
from kdtoolbox.video.remembered_indexes import forget_index, remember_index, remembered_index

_MAX_KEPT_BYTES = 64 * 2**20
"""Files that are decoded in order to be counted are not decoded again if their frames, as decoded, fit in here."""


class VideoReader:
    """Exact frames of a video file: number i is the i-th frame in the order of playing.

    Where a file's time stamps can be trusted (MP4, MOV, Matroska and WebM with H.264, HEVC, VP9 or AV1; AVI with MPEG-4
    without B-frames) decoding begins at the key frame before the frame, and each frame's own time stamp is compared
    with the expected one. All other files, and those in which a time stamp differs, are decoded in order from their
    start. What is found out about a file can be kept beside it (``kdtoolbox prepare index``).

    Args:
        path: the file.
        known_num_frames: of a file that was counted before; saves decoding it for that where it has no time stamps.
        max_short_side: frames whose shorter side has more pixels are scaled down to it as they are decoded.
        on_frame: called for each frame that is decoded, from which a watchdog sees that it goes on.

    Attributes:
        index: the frames' times and key frames.
        damage: what is wrong with a file that is damaged from some frame on, None if nothing is known to be.

    Raises:
        DecodeError: the file cannot be opened, or not a single frame be decoded.

    Of a file that is damaged, the frames before the damage can be read. If it must be decoded in order, these are all
    it has; otherwise reading one behind them raises.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        max_short_side: int | None = None,
        known_num_frames: int | None = None,
        on_frame: Callable[[], object] = lambda: None,
    ) -> None:
        self.path = str(path)
        self.max_short_side = max_short_side
        self.damage: DamagedVideo | None = None
        self._kept: list[VideoFrame] | None = None
        self._on_frame = on_frame
        self._video = OpenedVideo(self.path, on_frame=on_frame)
        self._size = self._video.header_size
        self.index: FrameIndex = load_index(path) or remembered_index(self.path) or self._find_index(known_num_frames)

    def __len__(self) -> int:
        return len(self.index)

    @property
    def video(self) -> OpenedVideo:
        """The open file."""
        return self._video

    @property
    def seconds(self) -> np.ndarray:
        """(F,) when each frame begins, in seconds on the container's time line, sound included."""
        return self.index.seconds

    @property
    def frames_per_second(self) -> float:
        """The average rate."""
        return self.index.frames_per_second

    def frames(self, numbers: Sequence[int]) -> list[np.ndarray]:
        """(H, W, 3) RGB uint8, upright, for each of ``numbers``, in their order; a repeated one is a copy.

        Raises:
            IndexError: there is no frame of that number.
            DecodeError: a frame cannot be decoded, or has another size than the first.
        """
        numbers = [int(number) for number in numbers]
        for number in numbers:
            if not 0 <= number < len(self):
                raise IndexError(f'{self.path} has frames 0 to {len(self) - 1}, not {number}')
        wanted = sorted(set(numbers))
        pictures = self._read(wanted)
        used: set[int] = set()
        # A repeated frame is copied, because transforms such as mmaction2's Flip work in place.
        frames = []
        for number in numbers:
            frames.append(pictures[number].copy() if number in used else pictures[number])
            used.add(number)
        return frames

    def close(self) -> None:
        """Close the file and free the stored frames."""
        self._kept = None
        self._video.close()

    def _read(self, wanted: list[int]) -> dict[int, np.ndarray]:
        if len(self.index.key_frames):
            try:
                return {
                    number: self._picture(frame, number)
                    for number, frame in decode_by_time(self._video, self.index, wanted)
                }
            except WrongTimeStamps:
                forget_index(self.path)
                announced = len(self.index)
                self._reopen()
                self.index = self._index_by_decoding()
                if wanted[-1] >= len(self.index):
                    raise self.damage or DecodeError(
                        f'{self.path} shows {len(self.index)} frames where it lists {announced}: keep its index once '
                        'with kdtoolbox prepare index'
                    ) from None
        return self._read_in_order(wanted)

    def _read_in_order(self, wanted: list[int]) -> dict[int, np.ndarray]:
        if self._kept is None:
            self._reopen()
        pending = iter(wanted)
        number = next(pending, None)
        pictures = {}
        for position, frame in enumerate(decode_in_order(self._video) if self._kept is None else self._kept):
            if position == number:
                pictures[number] = self._picture(frame, number)
                number = next(pending, None)
            if number is None:
                return pictures
        raise DecodeError(
            f'{self.path}: frame {number} cannot be decoded: the file ends before it. Was it changed while it was read?'
        )

    def _find_index(self, known_num_frames: int | None) -> FrameIndex:
        if is_listed_by_packets(self._video):
            index = index_from_packets(self._video)
            if index is not None:
                remember_index(index, self.path)
                return index
            self._reopen()
        if known_num_frames is not None and not self._video.has_time_stamps:
            return index_by_rate(known_num_frames, self._video)
        return self._index_by_decoding()

    def _index_by_decoding(self) -> FrameIndex:
        decoded = decode_whole(self._video, max_kept_bytes=_MAX_KEPT_BYTES)
        self._size, self._kept, self.damage = decoded.size, decoded.frames, decoded.damage
        return decoded.index

    def _reopen(self) -> None:
        self._video.close()
        self._video = OpenedVideo(self.path, on_frame=self._on_frame)

    def _picture(self, frame: VideoFrame, number: int) -> np.ndarray:
        if (frame.width, frame.height) != self._size:
            self._check_size(frame, number)
        return rgb(frame, max_short_side=self.max_short_side)

    def _check_size(self, frame: VideoFrame, number: int) -> None:
        """The header's size may be wrong, but all frames must have the size of the first."""
        with_header = OpenedVideo(self.path)
        first = next(decode_in_order(with_header), frame)
        self._size = (first.width, first.height)
        with_header.close()
        if (frame.width, frame.height) != self._size:
            width, height = self._size
            raise DecodeError(
                f'{self.path} changes its size from {width} x {height} to {frame.width} x {frame.height} at or before '
                f'frame {number}, and a clip has one size. Encode it again in one size: ffmpeg -i FILE -vf '
                f'scale={width}:{height} NEW.mp4'
            )
