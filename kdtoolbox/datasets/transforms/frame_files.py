"""Frames from JPEG files, at a fraction of their size where that is enough."""

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, UnidentifiedImageError

from kdtoolbox.video import DecodeError

_READ_AS = {
    1: cv2.IMREAD_COLOR,
    2: cv2.IMREAD_REDUCED_COLOR_2,
    4: cv2.IMREAD_REDUCED_COLOR_4,
    8: cv2.IMREAD_REDUCED_COLOR_8,
}
"""Fractions at which JPEG decodes by itself, from its lower frequencies: a pixel is a mean of those it covers."""


def read_frames(files: Sequence[str | Path], *, min_short_side: int | None = None) -> list[np.ndarray]:
    """(H, W, 3) RGB uint8 for each file, in their order: views of one array; a repeated one is a copy.

    Args:
        files: images of one size.
        min_short_side: they are decoded at a half, a quarter or an eighth of their size, the smallest whose shorter
            side has at least so many pixels; None decodes all pixels.

    Raises:
        OSError: a file cannot be read.
        DecodeError: it is no image, is empty, or has another size than the first.
    """
    first = Path(files[0])
    reduction = 1 if min_short_side is None else _reduction(first, min_short_side)
    clip: np.ndarray | None = None
    places: dict[str, int] = {}
    for place, file in enumerate(map(str, files)):
        known = places.setdefault(file, place)
        if clip is not None and known < place:
            clip[place] = clip[known]
            continue
        image = _decoded(Path(file).read_bytes(), _READ_AS[reduction], file)
        if clip is None:
            clip = np.empty((len(files), *image.shape), np.uint8)
        if image.shape != clip.shape[1:]:
            (height, width), (expected_height, expected_width) = image.shape[:2], clip.shape[1:3]
            raise DecodeError(
                f'{file} has {width} x {height} pixels, {first.name} has {expected_width} x {expected_height}, and a '
                'clip has one size: extract this video again'
            )
        cv2.cvtColor(image, cv2.COLOR_BGR2RGB, dst=clip[place])
    assert clip is not None, 'samplers give one frame or more'
    return list(clip)


def _decoded(content: bytes, flag: int, file: str) -> np.ndarray:
    image = cv2.imdecode(np.frombuffer(content, np.uint8), flag) if content else None
    if image is None:
        raise DecodeError(f'{file}: a frame cannot be read: it is empty, or no image. Extract this video again')
    return image


def _reduction(file: Path, min_short_side: int) -> int:
    """The largest fraction, as its denominator, that keeps so many pixels; 1 for a format that has none."""
    content = file.read_bytes()
    try:
        with Image.open(BytesIO(content)) as image:  # reads the header alone
            if image.format != 'JPEG':
                return 1
            short_side = min(image.size)
    except (UnidentifiedImageError, OSError):
        return 1  # decoding it says what is wrong
    return max(number for number in _READ_AS if number == 1 or -(-short_side // number) >= min_short_side)
