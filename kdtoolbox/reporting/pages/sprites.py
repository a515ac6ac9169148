"""Small moving pictures of videos: frames side by side in one image, which the page shows one after another."""

import base64
import io
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from markupsafe import Markup
from PIL import Image

from kdtoolbox.video import DecodeError, VideoReader
from kdtoolbox.video_files import is_video

NUM_FRAMES = 6
WIDTH, HEIGHT = 128, 96
QUALITY = 60  # of WebP
FRAME_SUFFIXES = ('.jpg', '.jpeg', '.png')


class Sprites:
    """The moving pictures of a page; each video is decoded and stored once.

    A file that is not there, no video or damaged has none, and the page says so in its place.
    """

    def __init__(self) -> None:
        self._names: dict[str, str | None] = {}
        self._images: dict[str, str] = {}

    def of_file(self, file: str) -> str | None:
        """The name of the picture of a video file or a folder of frames; None if there is none to be had."""
        if file not in self._names:
            frames = _frames_of(Path(file)) if file else None
            self._names[file] = self.of_frames(frames) if frames else None
        return self._names[file]

    def of_frames(self, frames: Sequence[np.ndarray]) -> str:
        """The name of the picture of frames (H, W, 3) uint8, of which at most :data:`NUM_FRAMES` are shown."""
        chosen = [frames[number] for number in spread(len(frames), NUM_FRAMES)]
        chosen += [chosen[-1]] * (NUM_FRAMES - len(chosen))
        strip = Image.new('RGB', (WIDTH * NUM_FRAMES, HEIGHT))
        for number, frame in enumerate(chosen):
            strip.paste(_fitted(Image.fromarray(frame)), (number * WIDTH, 0))
        return self._add(strip)

    def css(self) -> Markup:
        """Rules that give the elements of class ``clip-<name>`` their picture."""
        # The data are base64 and the names our own, so nothing in it needs escaping.
        return Markup('\n'.join(f'.clip-{name}{{background-image:url({data})}}' for name, data in self._images.items()))

    def _add(self, image: Image.Image) -> str:
        name = f's{len(self._images)}'
        self._images[name] = data_uri(image)
        return name


def data_uri(image: Image.Image) -> str:
    """An image as a URI that holds it, in WebP."""
    buffer = io.BytesIO()
    image.save(buffer, 'WEBP', quality=QUALITY)
    return f'data:image/webp;base64,{base64.b64encode(buffer.getvalue()).decode()}'


def spread(num: int, wanted: int) -> list[int]:
    """At most ``wanted`` of the numbers below ``num``, the middles of equal parts.

    >>> spread(12, 3), spread(2, 6)
    ([2, 6, 10], [0, 1])
    """
    if num <= wanted:
        return list(range(num))
    return [math.floor((place + 0.5) * num / wanted) for place in range(wanted)]


def _frames_of(path: Path) -> list[np.ndarray] | None:
    try:
        if path.is_dir():
            files = sorted(one for one in path.iterdir() if one.suffix.lower() in FRAME_SUFFIXES)
            return [np.asarray(Image.open(files[number]).convert('RGB')) for number in spread(len(files), NUM_FRAMES)]
        if not (path.is_file() and is_video(path.name)):  # the record may be anybody's: no other file is opened
            return None
        reader = VideoReader(path, max_short_side=2 * HEIGHT)
        try:
            return reader.frames(spread(len(reader), NUM_FRAMES))
        finally:
            reader.close()
    except (DecodeError, OSError, ValueError, Image.DecompressionBombError):
        return None


def _fitted(image: Image.Image) -> Image.Image:
    """The whole picture on a dark ground of the sprite's size."""
    scale = min(WIDTH / image.width, HEIGHT / image.height)
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    ground = Image.new('RGB', (WIDTH, HEIGHT), (24, 24, 26))
    ground.paste(image.resize(size, Image.Resampling.LANCZOS), ((WIDTH - size[0]) // 2, (HEIGHT - size[1]) // 2))
    return ground
