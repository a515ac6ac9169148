"""From a decoded frame to RGB pixels: colour conversion by the frame's tags, rotation, scaling."""

import math

import cv2
import numpy as np
from av.video.frame import VideoFrame

_UNIT = 65536  # of the fixed-point numbers in a display matrix


def rgb(frame: VideoFrame, *, max_short_side: int | None = None) -> np.ndarray:
    """(H, W, 3) uint8, contiguous.

    Colours are converted by the matrix and range the frame is tagged with; untagged frames are BT.601, limited range,
    as FFmpeg and decord take them. A frame whose shorter side has more than ``max_short_side`` pixels is scaled down to
    it, aspect kept, each pixel the mean of those it covers.
    """
    width, height = frame.width, frame.height
    if max_short_side is not None and min(width, height) > max_short_side:
        scale = max_short_side / min(width, height)
        frame = frame.reformat(round(width * scale), round(height * scale), 'rgb24', interpolation='AREA', threads=1)
    # One thread: for each frame, starting more costs several times what the conversion takes.
    return upright(frame.to_ndarray(format='rgb24', threads=1), display_matrix(frame))


def display_matrix(frame: VideoFrame) -> tuple[int, int, int, int] | None:
    """The upper left 2 x 2 of the frame's display matrix by rows, in 1/65536; None where it has none.

    ``frame.rotation`` is its angle alone and knows nothing of mirroring.
    """
    try:
        data = frame.side_data.get('DISPLAYMATRIX')
    except ValueError:  # beside it there is side data of a kind that PyAV does not know
        if not frame.rotation:
            return None
        angle = math.radians(-frame.rotation)
        sine, cosine = round(_UNIT * math.sin(angle)), round(_UNIT * math.cos(angle))
        return cosine, sine, -sine, cosine
    if data is None:
        return None
    first, second, third, fourth = np.frombuffer(bytes(data), np.int32)[[0, 1, 3, 4]].tolist()  # type: ignore[call-overload]  # a buffer, of which PyAV's types do not know
    return first, second, third, fourth


def upright(image: np.ndarray, matrix: tuple[int, int, int, int] | None) -> np.ndarray:
    """An image (H, W, C) turned and mirrored by a display matrix, as ffmpeg does by default."""
    if matrix is None or not (matrix[0] or matrix[2]) or not (matrix[1] or matrix[3]):
        return np.ascontiguousarray(image)
    a, b, c, d = matrix
    degrees = round(math.degrees(math.atan2(b / math.hypot(b, d), a / math.hypot(a, c)))) % 360
    if degrees in (89, 90, 91):
        image = image.swapaxes(0, 1) if c > 0 else np.rot90(image, -1)
    elif degrees in (269, 270, 271):
        image = np.rot90(image.swapaxes(0, 1), 2) if c < 0 else np.rot90(image)
    elif degrees in (179, 180, 181):
        image = image[:: -1 if d < 0 else 1, :: -1 if a < 0 else 1]
    elif degrees in (359, 0, 1):
        image = image[:: -1 if d < 0 else 1]
    else:  # any other angle: as large as before, with black corners
        height, width = image.shape[:2]
        turn = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), -degrees, 1)
        image = cv2.warpAffine(image, turn, (width, height))
    return np.ascontiguousarray(image)
