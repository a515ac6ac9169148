"""Small videos whose frames tell their number."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

PIPELINE = [
    dict(type='OpenVideo'),
    dict(type='SampleFrames', clip_len=4),
    dict(type='DecodeClip'),
    dict(type='FormatShape', input_format='NCTHW'),
    dict(type='PackActionInputs', meta_keys=('sample_id', 'role', 'replaces', 'total_frames', 'frame_inds')),
]

GREY_STEP = 8
"""Frame i is of the grey value 8 i + 4, so that lossy coding does not hide its number."""


def write_video(path: Path, num_frames: int = 12, size: tuple[int, int] = (48, 32), fps: float = 10) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*'XVID'), fps, size)
    assert writer.isOpened()
    for index in range(num_frames):
        writer.write(np.full((size[1], size[0], 3), GREY_STEP * index + 4, np.uint8))
    writer.release()
    return path


def write_frames(folder: Path, num_frames: int, fps: float | None = None) -> Path:
    """As the preparation tools leave them."""
    folder.mkdir(parents=True)
    for index in range(num_frames):
        cv2.imwrite(str(folder / f'image_{index + 1:05}.jpg'), np.full((32, 48, 3), GREY_STEP * index + 4, np.uint8))
    (folder / 'n_frames').write_text(f'{num_frames}\n')
    if fps is not None:
        (folder / 'fps').write_text(f'{fps:.2f}\n')
    return folder


def frame_numbers(inputs) -> list[int]:
    """Numbers of the frames in clips (clips, 3, T, H, W), from their grey values."""
    return (inputs.float().mean(dim=(1, 3, 4)).flatten() / GREY_STEP).int().tolist()


@pytest.fixture
def folder_of_videos(tmp_path) -> Callable[..., Path]:
    """Makes a folder of videos, paths given relative to it."""

    def make(*names: str, num_frames: int = 12, below: str = 'videos') -> Path:
        for name in names:
            write_video(tmp_path / below / name, num_frames)
        return tmp_path / below

    return make


@pytest.fixture
def twelve_videos(folder_of_videos) -> Path:
    return folder_of_videos(*(f'{label}/{label}{number}.avi' for label in 'abc' for number in range(4)))
