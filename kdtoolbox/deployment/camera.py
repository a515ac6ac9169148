"""A camera, or what stands in for one: the frames of the last seconds, again and again."""

import re
import threading
import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np

PREFIX = 'camera:'
MAX_SHORT_SIDE = 320  # pixels; larger frames are scaled down to it, as those of video files are
_POLL_SECONDS = 0.005
Timed = tuple[float, np.ndarray]


def is_camera(place: str) -> bool:
    """Whether a name on the command line is of a camera: ``camera:…``, or the number of a device.

    >>> [is_camera(place) for place in ('camera:0', 'camera:rtsp://host/stream', '0', 'video.mp4')]
    [True, True, True, False]
    """
    return place.startswith(PREFIX) or (re.fullmatch(r'\d{1,2}', place) is not None and not Path(place).exists())


class Camera:
    """Frames of a device, of a network stream, or of a video file that stands in for a camera; by OpenCV.

    A device is read by a thread of its own, so that no frame is lost while others are looked at. A file is not waited
    for: its windows come as fast as they are taken.

    Args:
        source: ``camera:0`` or ``0``, ``camera:rtsp://…``, ``camera:FILE``.

    Raises:
        ValueError: it cannot be opened.
    """

    def __init__(self, source: str) -> None:
        self.name = source
        place = source.removeprefix(PREFIX)
        self._capture: Any = cv2.VideoCapture(int(place) if place.isdecimal() else place)
        if not self._capture.isOpened():
            raise ValueError(
                f'the camera {source} cannot be opened: expected the number of a device that no other program uses '
                '(camera:0), the address of a stream (camera:rtsp://…), or a file (camera:FILE)'
            )
        self._is_live = not Path(place).is_file()
        self._rate = self._capture.get(cv2.CAP_PROP_FPS) or 25.0

    def windows(self, *, seconds: float, stride_seconds: float) -> Iterator[list[Timed]]:
        """The frames of the last ``seconds``, with their times since the start, every ``stride_seconds``.

        Each frame is (H, W, 3), RGB, uint8. It ends when the camera gives no more.
        """
        frames: deque[Timed] = deque()
        due = seconds
        for arrived in self._arriving():
            frames.extend(arrived)
            now = frames[-1][0]
            if now + 1 / self._rate < due - 1e-6:
                continue
            while frames[0][0] < now + 1 / self._rate - seconds - 1e-6:
                frames.popleft()
            yield list(frames)
            due = max(due + stride_seconds, now) if self._is_live else due + stride_seconds

    def close(self) -> None:
        """Give the device back."""
        self._capture.release()

    def _arriving(self) -> Iterator[list[Timed]]:
        """What has come since the last time: of a file one frame."""
        if not self._is_live:
            number = 0
            while (frame := self._read()) is not None:
                yield [(number / self._rate, frame)]
                number += 1
            return
        waiting: deque[Timed] = deque()
        stop = threading.Event()
        reader = threading.Thread(target=self._keep_reading, args=(waiting, stop), daemon=True)
        reader.start()
        try:
            while waiting or reader.is_alive():
                arrived = [waiting.popleft() for _ in range(len(waiting))]
                if arrived:
                    yield arrived
                else:
                    time.sleep(_POLL_SECONDS)
        finally:
            stop.set()
            reader.join(timeout=2)

    def _keep_reading(self, waiting: deque[Timed], stop: threading.Event) -> None:
        start = time.monotonic()
        while not stop.is_set() and (frame := self._read()) is not None:
            waiting.append((time.monotonic() - start, frame))

    def _read(self) -> np.ndarray | None:
        is_there, frame = self._capture.read()
        if not is_there:
            return None
        height, width = frame.shape[:2]
        if min(height, width) > MAX_SHORT_SIDE:
            scale = MAX_SHORT_SIDE / min(height, width)
            frame = cv2.resize(frame, (round(width * scale), round(height * scale)), interpolation=cv2.INTER_AREA)
        return np.ascontiguousarray(frame[..., ::-1])


class FramesInMemory:
    """Frames that were read already, where a pipeline expects a video.

    Args:
        frames: (H, W, 3) each, RGB, uint8.
    """

    def __init__(self, frames: list[np.ndarray]) -> None:
        self._frames = frames

    def __len__(self) -> int:
        return len(self._frames)

    def frames(self, numbers) -> list[np.ndarray]:
        """Those of these numbers, in their order."""
        return [self._frames[number] for number in numbers]

    def close(self) -> None:
        """Nothing is open."""
