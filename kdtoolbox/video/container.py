"""Opening a video file with FFmpeg's libraries, and its properties that need no decoding."""

import os
import stat
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
from av.container import InputContainer
from av.stream import Discard
from av.video.stream import VideoStream

from kdtoolbox.safe_files import UNKNOWN, kind_of
from kdtoolbox.video.errors import DecodeError

NOT_VIDEO_FORMATS = {'tty', 'image2', 'concat', 'hls', 'dash', 'lavfi', 'ffmetadata', 'applehttp'}
"""Demuxers that read text, pictures or lists of other files: what they give is not the video the user meant."""

av.logging.set_level(av.logging.PANIC)  # our own errors report problems, once, and with the name of the file


class OpenedVideo:
    """An open file and the video stream in it; one thread decodes.

    Args:
        path: the file.
        on_frame: called for each frame that is decoded, from which a watchdog sees that it goes on.

    Raises:
        DecodeError: it is no regular file, cannot be opened, or holds no moving picture.
    """

    def __init__(self, path: str, *, on_frame: Callable[[], object] = lambda: None) -> None:
        self.path = path
        self.on_frame = on_frame
        self.container = _open(path)
        self.stream = self._video_stream()
        for other in self.container.streams:
            if other.index != self.stream.index:
                other.discard = Discard.all
        self.stream.codec_context.thread_count = 1
        self.stream.thread_type = 'NONE'
        self.header_size = (self.stream.codec_context.width, self.stream.codec_context.height)

    def close(self) -> None:
        """Close the file."""
        self.container.close()

    @property
    def coding(self) -> str:
        """Codec and container, in FFmpeg's words, such as "h264 in mov,mp4,m4a,3gp,3g2,mj2"."""
        return f'{self.stream.codec_context.name} in {self.container.format.name}'

    @property
    def time_base(self) -> Fraction:
        """The unit of the stream's time stamps, in seconds."""
        assert self.stream.time_base is not None, 'a stream that was opened has one'
        return self.stream.time_base

    @property
    def frames_per_second(self) -> Fraction:
        """The frame rate in the header, 25 if there is none."""
        return self.stream.average_rate or self.stream.guessed_rate or Fraction(25)

    @property
    def start_seconds(self) -> float:
        """The time stamp of the start of the container, in seconds."""
        return (self.container.start_time or 0) / av.time_base

    @property
    def has_time_stamps(self) -> bool:
        """Whether there are usable time stamps; AVI and raw streams have none."""
        return self.container.format.name not in ('avi', 'h264', 'hevc', 'm4v', 'mpegvideo', 'obu', 'ivf')

    def _video_stream(self) -> VideoStream:
        name = self.container.format.name
        if name.split(',')[0] in NOT_VIDEO_FORMATS or name.endswith('_pipe'):
            raise DecodeError(f'{self.path} is not a video: FFmpeg reads it as {name}')
        moving = [
            stream
            for stream in self.container.streams.video
            if not stream.disposition & av.stream.Disposition.attached_pic
        ]
        if not moving:
            held = ', '.join(sorted({stream.type for stream in self.container.streams})) or 'nothing'
            raise DecodeError(f'{self.path} holds no moving picture, only: {held}')
        stream = self.container.streams.best('video')
        stream = stream if stream in moving else moving[0]
        if stream.codec_context is None:
            raise DecodeError(f'{self.path} is coded in a way that FFmpeg cannot decode')
        return stream


def seconds_in_header(path: str) -> float | None:
    """Length of a video file as its header has it, the longest of its streams; None if it has none.

    Raises:
        DecodeError: it cannot be opened.
    """
    container = _open(path)
    try:
        return container.duration / av.time_base if container.duration and container.duration > 0 else None
    finally:
        container.close()


def _open(path: str) -> InputContainer:
    try:
        mode = os.stat(path).st_mode
        if not stat.S_ISREG(mode):
            raise DecodeError(f'{path} cannot be opened: it is {"a folder" if stat.S_ISDIR(mode) else "no file"}')
        # A playlist that calls itself a video must not reach the network; titles may be in any encoding.
        return av.open(f'file:{path}', metadata_errors='ignore', options={'protocol_whitelist': 'file'})
    except (OSError, av.error.FFmpegError) as error:
        raise DecodeError(f'{path} cannot be opened: {_reason(error, path)}') from error


def _reason(error: Exception, path: str) -> str:
    words = getattr(error, 'strerror', None) or str(error) or type(error).__name__
    if isinstance(error, av.error.InvalidDataError | av.error.PermissionError) and os.access(path, os.R_OK):
        kind = kind_of(Path(path))
        if kind != UNKNOWN:
            return f'{words}. It is {kind}'
    return f'{words}. Is it a video, downloaded to its end?'
