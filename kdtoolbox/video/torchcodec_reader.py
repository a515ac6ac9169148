"""The same interface with torchcodec, for files whose frames it is known to find."""

import json
import os
from collections.abc import Callable, Sequence
from functools import cache, lru_cache
from pathlib import Path

import numpy as np

from kdtoolbox.video.errors import DecodeError
from kdtoolbox.video.reader import VideoReader

_FRAMES_AT_ONCE = 32
"""Between two signs of life for the watchdog."""


_RECOVERS_SLOWLY = {'h264', 'hevc'}
"""Codecs of which a packet marked as a key frame may be the begin of a gradual refresh: what torchcodec decodes from
there is incomplete, and has right times."""


@cache
def torchcodec_imports() -> bool:
    """Whether torchcodec is installed and finds FFmpeg's shared libraries."""
    try:
        import torchcodec
    except (ImportError, RuntimeError, OSError):
        return False
    return getattr(torchcodec, 'ffmpeg_major_version', None) is not None  # it imports without FFmpeg from 0.16 on


class TorchCodecReader:
    """Frames of a video file by torchcodec, found by the toolbox's own index of the file.

    torchcodec alone gives other frames than the ones that playing shows for many files (docs/right_frames.md). It is
    used where the container stores times, every packet is shown as one frame, key frames are whole, and the picture is
    neither turned nor mirrored; the time of every frame that comes is compared with the index. All other files, and
    those in which a time differs, are read by :class:`VideoReader`.

    Args:
        path: the file.
        device: 'cpu', or 'cuda' for the video decoder of an NVIDIA GPU; frames come back to the host.
        max_short_side, known_num_frames, on_frame: see :class:`VideoReader`.

    Attributes:
        is_used: whether torchcodec decodes this file.

    Raises:
        DecodeError: as :class:`VideoReader`.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        device: str = 'cpu',
        max_short_side: int | None = None,
        known_num_frames: int | None = None,
        on_frame: Callable[[], object] = lambda: None,
    ) -> None:
        self.path = str(path)
        self._on_frame = on_frame
        self._own = VideoReader(
            path, max_short_side=max_short_side, known_num_frames=known_num_frames, on_frame=on_frame
        )
        self._decoder = self._opened(device, max_short_side)

    def __len__(self) -> int:
        return len(self._own)

    @property
    def is_used(self) -> bool:
        return self._decoder is not None

    @property
    def damage(self) -> Exception | None:
        """What is wrong with a file that is damaged from some frame on, None if nothing is known to be."""
        return self._own.damage

    @property
    def seconds(self) -> np.ndarray:
        """(F,) when each frame begins."""
        return self._own.seconds

    @property
    def frames_per_second(self) -> float:
        """The average rate."""
        return self._own.frames_per_second

    def frames(self, numbers: Sequence[int]) -> list[np.ndarray]:
        """(H, W, 3) RGB uint8 for each of ``numbers``, in their order: views of one array.

        Raises:
            IndexError: there is no frame of that number.
            DecodeError: a frame cannot be decoded.
        """
        numbers = [int(number) for number in numbers]
        is_there = all(0 <= number < len(self) for number in numbers)
        found = self._by_torchcodec(numbers) if self.is_used and is_there else None
        return self._own.frames(numbers) if found is None else list(found)

    def close(self) -> None:
        """Close the file."""
        self._decoder = None
        self._own.close()

    def _by_torchcodec(self, numbers: list[int]) -> np.ndarray | None:
        """(N, H, W, 3), or None if a frame does not decode or has not the time that the index says."""
        index, parts = self._own.index, []
        for start in range(0, len(numbers), _FRAMES_AT_ONCE):
            part = numbers[start : start + _FRAMES_AT_ONCE]
            try:
                batch = self._decoder.get_frames_at(part)
            except (RuntimeError, IndexError, ValueError):
                batch = None
            expected = index.time_stamps[part] * float(index.time_base)
            if batch is None or not np.allclose(batch.pts_seconds.numpy(), expected, rtol=0, atol=1e-4):
                self._decoder = None
                return None
            parts.append(batch.data.cpu().numpy())
            self._on_frame()
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def _opened(self, device: str, max_short_side: int | None):
        video, index = self._own.video, self._own.index
        if self.damage or not len(index.key_frames) or not video.has_time_stamps or not _starts_at_keys(self._own):
            return None
        from torchcodec.decoders import VideoDecoder

        options: dict = dict(dimension_order='NHWC', num_ffmpeg_threads=1, device=device)
        width, height = video.header_size
        if max_short_side is not None and min(width, height) > max_short_side:
            from torchcodec.transforms import Resize

            scale = max_short_side / min(width, height)
            options['transforms'] = [Resize((round(height * scale), round(width * scale)))]
        try:
            decoder = VideoDecoder(self.path, custom_frame_mappings=_mappings(index), **options)
        except (RuntimeError, ValueError):
            return None
        return decoder if decoder.metadata.rotation is None else None  # it has one of mirrored pictures as well


def _starts_at_keys(reader: VideoReader) -> bool:
    """Whether the second key frame can be decoded by itself."""
    status = os.stat(reader.path)
    return _decodes_second_key(reader.path, status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=65536)
def _decodes_second_key(path: str, num_bytes: int, modified_ns: int) -> bool:
    reader = VideoReader(path)
    try:
        keys, codec = reader.index.key_frames, reader.video.stream.codec_context.codec.canonical_name
        if len(keys) < 2 or codec not in _RECOVERS_SLOWLY:
            return True
        reader.frames([int(keys[1])])
        return len(reader.index.key_frames) > 0  # none are left where other frames came
    except DecodeError:
        return False
    finally:
        reader.close()


def _mappings(index) -> str:
    """The index as torchcodec takes it."""
    stamps, keys = index.time_stamps, np.zeros(len(index), int)
    keys[index.key_frames] = 1
    durations = np.diff(stamps, append=stamps[-1] + (stamps[-1] - stamps[-2] if len(stamps) > 1 else 1))
    rows = zip(stamps.tolist(), durations.tolist(), keys.tolist(), strict=True)
    return json.dumps({'frames': [{'pts': pts, 'duration': span, 'key_frame': key} for pts, span, key in rows]})
