"""Checks of video files: damage, and frames that decord reads wrongly."""

import itertools
import random
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from av.video.frame import PictureType

from kdtoolbox.preparation.isolated import CallFailed, IsolatedCalls
from kdtoolbox.preparation.parallel import in_parallel
from kdtoolbox.preparation.report import DONE, FAILED, WARNING, Report
from kdtoolbox.terminal import Progress
from kdtoolbox.video import DamagedVideo, DecodeError
from kdtoolbox.video.container import OpenedVideo
from kdtoolbox.video.decoding import decode_in_order
from kdtoolbox.video.pixels import rgb
from kdtoolbox.video_files import videos_below

_THUMBNAIL = (48, 32)  # width and height at which pictures are compared
_CLIP_LEN = 5
_NUM_CLIPS_AT_KEY_FRAMES = 6  # where most readers go wrong, if they do: seeking leads there
_ANOTHER_PICTURE = 20  # so far, in grey levels, from every frame of the video: mirrored or lying


@dataclass(frozen=True)
class VideoCheck:
    """The result of checking one video; ``damage`` and ``elsewhere`` are '' if nothing is wrong."""

    num_frames: int = 0
    damage: str = ''
    elsewhere: str = ''

    @property
    def status(self) -> str:
        return FAILED if self.damage else WARNING if self.elsewhere else DONE

    def __str__(self) -> str:
        return '; '.join(filter(None, [f'{self.num_frames} frames', self.damage, self.elsewhere]))


def check_videos(folder: Path, report: Report, *, num_workers: int, time_limit_seconds: float) -> list[str]:
    """Decode every video below ``folder`` once from start to end, and compare what decord gives for some indices.

    Each video gets a line in the report: its number of frames, from where it is damaged (a failure), and what decord
    gives in place of the frames asked for (a warning). The returned lines sum up.

    Raises:
        ValueError: there is no video.
    """
    videos = videos_below(folder)
    progress = Progress(len(videos))
    isolated = IsolatedCalls(check_video, time_limit_seconds=time_limit_seconds)
    num_damaged = num_wrong = 0

    def work(video: Path) -> tuple[Path, VideoCheck]:
        try:
            return video, isolated(str(video))
        except CallFailed as error:
            return video, VideoCheck(damage=f'cannot be decoded: {error}')

    try:
        for video, found in in_parallel(work, videos, num_workers=num_workers, stop=isolated.stop):
            progress.update()
            report.add(found.status, video, str(found))
            num_damaged += bool(found.damage)
            num_wrong += bool(found.elsewhere)
    finally:
        isolated.stop()
        progress.close()
    return [
        f'{num_damaged} of {len(videos)} videos are damaged or cannot be read',
        f'{num_wrong} of {len(videos)} videos are read wrong, or not at all, by readers that seek by index '
        '(decord, and with it mmaction2); OpenVideo reads them right',
    ]


def check_video(path: str) -> VideoCheck:
    """Decode one video from start to end, and some of its frames with decord."""
    try:
        decoded = _decode(path)
    except DecodeError as error:
        return VideoCheck(damage=_without(path, error))
    return VideoCheck(
        len(decoded.thumbnails), decoded.damage, '' if decoded.damage else _compare_with_decord(path, decoded)
    )


@dataclass
class _Decoded:
    """(F, H, W) thumbnails of all frames before the damage, which of them are key frames, and what is damaged."""

    thumbnails: np.ndarray
    key_frames: list[int]
    has_b_frames: bool
    damage: str = ''


def _decode(path: str) -> _Decoded:
    video = OpenedVideo(path)
    thumbnails: list[np.ndarray] = []
    key_frames: list[int] = []
    has_b_frames = False
    sizes: list[tuple[int, int]] = []
    try:
        for frame in decode_in_order(video):
            if frame.key_frame:
                key_frames.append(len(thumbnails))
            if (frame.width, frame.height) not in sizes:
                sizes.append((frame.width, frame.height))
            has_b_frames |= frame.pict_type == PictureType.B
            thumbnails.append(_thumbnail(rgb(frame)))
        damage = '' if thumbnails else 'not a single frame can be decoded'
        if len(sizes) > 1:
            (width, height), (other_width, other_height) = sizes[:2]
            damage = (
                f'changes its size from {width} x {height} to {other_width} x {other_height}, and a clip has one size: '
                f'encode it again, ffmpeg -i FILE -vf scale={width}:{height} NEW.mp4'
            )
        elif thumbnails and (lost := _announced_but_missing(path)):
            damage = f'cut off: {lost} of the frames that it announces are missing at its end'
    except DamagedVideo as error:
        seconds = error.first_damaged / float(video.frames_per_second)
        damage = f'damaged from frame {error.first_damaged} (about {seconds:.1f} s) on'
    finally:
        video.close()
    return _Decoded(np.array(thumbnails), key_frames, has_b_frames, damage)


def _announced_but_missing(path: str) -> int:
    """Frames that the container counts and does not hold. Those that an edit list hides are there."""
    video = OpenedVideo(path)
    announced = video.stream.frames
    present = sum(packet.dts is not None or packet.size > 0 for packet in video.container.demux(video.stream))
    video.close()
    return announced - present if announced - present > 1 + 0.01 * announced else 0


def _thumbnail(image: np.ndarray) -> np.ndarray:
    return cv2.cvtColor(cv2.resize(image, _THUMBNAIL, interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2GRAY)


def _compare_with_decord(path: str, decoded: _Decoded) -> str:
    """What decord does wrong in a few clips of neighbouring frames, each with a new reader as in training."""
    from kdtoolbox.video.decord_reader import DecordReader  # loads its own FFmpeg, which only the check needs

    truth = decoded.thumbnails
    try:
        announced = len(DecordReader(path))
        clips = [
            range(start, min(start + _CLIP_LEN, announced, len(truth))) for start in _starts(path, decoded, announced)
        ]
        images = [DecordReader(path).frames(clip) for clip in clips]
    except DecodeError as error:
        return f'decord cannot read it: {_without(path, error)}'
    wrong, farthest, others = 0, 0, 0
    for number, image in zip(itertools.chain(*clips), itertools.chain(*images), strict=True):
        distances = np.abs(truth - _thumbnail(image).astype(np.float32)).mean((1, 2))
        others += bool(distances.min() > _ANOTHER_PICTURE)
        # A picture that stands still is right at any of its places.
        if others == 0 and distances[number] > 1.2 * distances.min() + 0.05:
            wrong += 1
            farthest = max(farthest, abs(int(distances.argmin()) - number))
    return '; '.join(
        filter(
            None,
            [
                f'decord says {announced} frames' if announced != len(truth) else '',
                f'decord gives other frames for {wrong} of {sum(map(len, clips))}, off by up to {farthest}'
                if wrong
                else '',
                'decord does not turn or mirror it' if others else '',
            ],
        )
    )


def _starts(path: str, decoded: _Decoded, announced: int) -> list[int]:
    """Where the clips begin that are asked of decord, the same each time; one will do where nothing is reordered."""
    draw = random.Random(Path(path).name)
    num_frames = min(announced, len(decoded.thumbnails))
    anywhere = draw.randrange(max(num_frames - _CLIP_LEN, 0) + 1)
    if not decoded.has_b_frames and announced == len(decoded.thumbnails):
        return [anywhere]
    inner = [number for number in decoded.key_frames if 0 < number < num_frames]
    return [anywhere, *draw.sample(inner, min(_NUM_CLIPS_AT_KEY_FRAMES, len(inner)))]


def _without(path: str, error: DecodeError) -> str:
    return str(error).removeprefix(f'{path} ').removeprefix(f'{path}: ')
