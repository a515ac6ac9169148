"""Facts of a video from its header and its first picture, without decoding the rest."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from kdtoolbox.preparation.parallel import in_parallel, num_cores
from kdtoolbox.terminal import Progress
from kdtoolbox.video import DecodeError
from kdtoolbox.video.container import OpenedVideo
from kdtoolbox.video.decoding import decode_in_order
from kdtoolbox.video.pixels import rgb

FRAME_SUFFIXES = ('.jpg', '.jpeg', '.png')
HASH_SIDE = 16
MIN_DEVIATION = 6.0  # in grey levels: pictures with less, such as black ones, are alike by chance


@dataclass(frozen=True)
class VideoFacts:
    """What is known of one video.

    Args:
        file: the video, or its folder of frames.
        coding: codec and container, or 'frames'.
        width: of the picture, in pixels.
        height: likewise.
        frames_per_second: of the header; None for folders of frames.
        seconds: its length; None where the header does not tell.
        num_frames: likewise.
        problem: why it cannot be read, '' if it can.
        fingerprint: (256,) bits of the first picture; None where that is all of one shade.
    """

    file: str
    coding: str = ''
    width: int = 0
    height: int = 0
    frames_per_second: float | None = None
    seconds: float | None = None
    num_frames: int | None = None
    problem: str = ''
    fingerprint: np.ndarray | None = None


def facts_of_videos(files: Sequence[str]) -> list[VideoFacts]:
    """The facts of some videos, in their order, read in a thread for each core."""
    progress = Progress(len(files))
    found: dict[str, VideoFacts] = {}
    for facts in in_parallel(facts_of, files, num_workers=num_cores()):
        found[facts.file] = facts
        progress.update()
    progress.close()
    return [found[file] for file in files]


def facts_of(file: str) -> VideoFacts:
    """The facts of one video or folder of frames; one that cannot be read has a ``problem``."""
    try:
        return _of_frames(file) if Path(file).is_dir() else _of_video(file)
    except (DecodeError, OSError, cv2.error) as error:
        return VideoFacts(file, problem=str(error).removeprefix(f'{file} ').removeprefix(f'{file}: '))


def fingerprint_of(picture: np.ndarray) -> np.ndarray | None:
    """(256,) whether the picture gets brighter from each of 16 x 17 patches to the one on its right (dHash).

    Args:
        picture: (H, W, 3), uint8.
    """
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    small = cv2.resize(grey, (HASH_SIDE + 1, HASH_SIDE), interpolation=cv2.INTER_AREA).astype(np.int16)
    return None if small.std() < MIN_DEVIATION else (small[:, 1:] > small[:, :-1]).flatten()


def alike(
    ones: Sequence[VideoFacts], others: Sequence[VideoFacts], *, max_bits: int = 16
) -> list[tuple[int, int, int]]:
    """Pairs whose first pictures differ in at most ``max_bits`` of 256 bits: (place, place of the nearest, bits).

    Each of ``ones`` comes once at most, the nearest pairs first.
    """
    left, right = ([n for n, one in enumerate(part) if one.fingerprint is not None] for part in (ones, others))
    if not left or not right:
        return []
    signs = np.array([others[n].fingerprint for n in right], np.float32) * 2 - 1
    found = []
    for place in left:
        fingerprint = ones[place].fingerprint
        assert fingerprint is not None
        bits = (HASH_SIDE**2 - signs @ (fingerprint.astype(np.float32) * 2 - 1)) / 2
        nearest = int(bits.argmin())
        if bits[nearest] <= max_bits:
            found.append((place, right[nearest], int(bits[nearest])))
    return sorted(found, key=lambda one: one[2])


def _of_video(file: str) -> VideoFacts:
    video = OpenedVideo(file)
    try:
        stream, container = video.stream, video.container
        seconds: float | None
        if stream.duration is not None and stream.time_base is not None:
            seconds = float(stream.duration * stream.time_base)
        else:
            seconds = container.duration / 1e6 if container.duration else None
        frame = next(decode_in_order(video), None)
        if frame is None:
            return VideoFacts(file, problem='not a single frame can be decoded')
        picture = rgb(frame)
        return VideoFacts(
            file,
            video.coding,
            picture.shape[1],
            picture.shape[0],
            float(video.frames_per_second),
            seconds,
            stream.frames or (round(seconds * float(video.frames_per_second)) if seconds else None),
            fingerprint=fingerprint_of(picture),
        )
    finally:
        video.close()


def _of_frames(folder: str) -> VideoFacts:
    names = sorted(path for path in Path(folder).iterdir() if path.suffix.lower() in FRAME_SUFFIXES)
    picture = cv2.imread(str(names[0])) if names else None
    if picture is None:
        return VideoFacts(folder, problem='a folder without frames that can be read')
    height, width = picture.shape[:2]
    print_ = fingerprint_of(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB))
    return VideoFacts(folder, f'frames ({names[0].suffix})', width, height, num_frames=len(names), fingerprint=print_)
