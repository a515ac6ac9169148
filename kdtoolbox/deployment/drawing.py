"""Pictures of what a student finds: strips of frames, videos with their classes written on them."""

import io
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import av
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from kdtoolbox.safe_files import check_writable, write_bytes_aside
from kdtoolbox.video import DecodeError, VideoReader

STRIP_FRAMES = 6
STRIP_HEIGHT = 90  # pixels
TEXT_HEIGHT = 22
_MAX_SIDE = 720  # pixels of a video that is drawn on: it is for looking at
_PAPER, _INK, _GREY = (255, 255, 255), (20, 20, 20), (150, 150, 150)


def strips(rows: Sequence[tuple[str, Path]], *, num_frames: int = STRIP_FRAMES) -> Image.Image:
    """A row for each video: its caption over frames from its start to its end. One that cannot be read says so."""
    images = [_strip(caption, file, num_frames) for caption, file in rows]
    sheet = Image.new('RGB', (max(image.width for image in images), sum(image.height for image in images)), _PAPER)
    top = 0
    for image in images:
        sheet.paste(image, (0, top))
        top += image.height
    return sheet


def save_picture(image: Image.Image, file: str | Path) -> None:
    """Write a picture, PNG unless the suffix says otherwise."""
    check_writable(file)
    kinds = {'.jpg': 'JPEG', '.jpeg': 'JPEG', '.webp': 'WEBP', '.png': 'PNG'}
    kind = kinds.get(Path(file).suffix.lower())
    if kind is None:
        raise ValueError(f'{file}: a picture is written as {", ".join(kinds)}')
    content = io.BytesIO()
    image.save(content, kind)
    write_bytes_aside(file, content.getvalue())


def draw_on_video(source: str | Path, out: str | Path, words_at: Callable[[float], Sequence[str]]) -> None:
    """Write a copy of a video, as MP4 without sound, with lines of text on each frame.

    Args:
        words_at: gives the lines for a time in seconds of the video.

    Raises:
        ValueError: the video cannot be read, or the file not be written.
    """
    check_writable(out)
    with tempfile.TemporaryDirectory() as folder:
        aside = Path(folder) / 'drawn.mp4'
        try:
            _encode(aside, _drawn_frames(source, words_at))
        except DecodeError as error:
            raise ValueError(str(error)) from error
        write_bytes_aside(out, aside.read_bytes())


def _drawn_frames(source: str | Path, words_at: Callable[[float], Sequence[str]]) -> Iterator[tuple[np.ndarray, float]]:
    """Frames (H, W, 3) with their words, and the frame rate."""
    reader = VideoReader(source, max_short_side=_MAX_SIDE)
    font = _font(18)
    # A few frames at a time: reading each alone would seek for each.
    for start in range(0, len(reader), 32):
        numbers = range(start, min(start + 32, len(reader)))
        for number, frame in zip(numbers, reader.frames(numbers)):
            image = Image.fromarray(frame)
            draw = ImageDraw.Draw(image, 'RGBA')
            lines = list(words_at(float(reader.seconds[number])))
            if lines:
                draw.rectangle((0, 0, image.width, 6 + 24 * len(lines)), fill=(0, 0, 0, 140))
            for place, line in enumerate(lines):
                draw.text((8, 4 + 24 * place), line, fill=(255, 255, 255), font=font)
            yield np.asarray(image), reader.frames_per_second
    reader.close()


def _encode(file: Path, frames: Iterator[tuple[np.ndarray, float]]) -> None:
    container, stream = av.open(str(file), 'w'), None
    for picture, rate in frames:
        height, width = (side - side % 2 for side in picture.shape[:2])  # as the usual colours of video need
        if stream is None:
            stream = container.add_stream('libx264', rate=max(1, round(rate)))
            stream.width, stream.height, stream.pix_fmt = width, height, 'yuv420p'
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture[:height, :width]), format='rgb24')
        for packet in stream.encode(frame):
            container.mux(packet)
    if stream is not None:
        for packet in stream.encode():
            container.mux(packet)
    container.close()


def _strip(caption: str, file: Path, num_frames: int) -> Image.Image:
    try:
        reader = VideoReader(file, max_short_side=2 * STRIP_HEIGHT)
        numbers = np.linspace(0, len(reader) - 1, num_frames).round().astype(int).tolist()
        pictures = [Image.fromarray(frame) for frame in reader.frames(numbers)]
        reader.close()
    except DecodeError:
        pictures, caption = [Image.new('RGB', (STRIP_HEIGHT, STRIP_HEIGHT), _GREY)], f'{caption} (cannot be read)'
    pictures = [
        picture.resize((max(1, round(picture.width * STRIP_HEIGHT / picture.height)), STRIP_HEIGHT))
        for picture in pictures
    ]
    font = _font(14)
    width = max(sum(picture.width + 2 for picture in pictures), round(font.getlength(caption)) + 8)
    image = Image.new('RGB', (width, STRIP_HEIGHT + TEXT_HEIGHT + 6), _PAPER)
    ImageDraw.Draw(image).text((4, 2), caption, fill=_INK, font=font)
    left = 0
    for picture in pictures:
        image.paste(picture, (left, TEXT_HEIGHT))
        left += picture.width + 2
    return image


def _font(pixels: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(pixels)
