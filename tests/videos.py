"""Generated video files in the layouts of the data sets."""

from pathlib import Path

import cv2
import numpy as np


def write_video(file: Path, *, seed: int = 0, num_frames: int = 20, width: int = 64, height: int = 48) -> Path:
    """A bright square that moves over noise."""
    file.parent.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(seed)
    background = random.integers(0, 120, (height, width, 3), dtype=np.uint8)
    writer = cv2.VideoWriter(str(file), cv2.VideoWriter_fourcc(*'MJPG'), 10, (width, height))
    for index in range(num_frames):
        frame = background.copy()
        left = (index * (1 + seed % 4)) % (width - 12)
        frame[10:22, left : left + 12] = 255
        writer.write(frame)
    writer.release()
    return file


def write_hmdb51(folder: Path, *, num_classes: int = 51, used_classes: int = 3, videos: int = 2) -> tuple[Path, Path]:
    """Videos and split files; the classes beyond ``used_classes`` have a split file but no videos.

    Returns:
        The folder of the videos and that of the annotations.
    """
    annotations = folder / 'annotations'
    annotations.mkdir(parents=True)
    for label in range(num_classes):
        lines = []
        for number in range(2 * videos if label < used_classes else 0):
            name = f'clip_{number}.avi'
            write_video(folder / f'videos/class{label:02}/{name}', seed=10 * label + number)
            lines.append(f'{name} {1 if number < videos else 2} \n')
        (annotations / f'class{label:02}_test_split1.txt').write_text(''.join(lines))
    return folder / 'videos', annotations


def write_ucf101(folder: Path, *, num_classes: int = 3, videos: int = 2) -> tuple[Path, Path]:
    """As :func:`write_hmdb51`, in the layout of UCF-101."""
    annotations = folder / 'annotations'
    annotations.mkdir(parents=True)
    lists: dict[str, list[str]] = {'train': [], 'test': []}
    for label in range(num_classes):
        for number in range(2 * videos):
            name = f'Class{label}/v_Class{label}_g{number:02}_c01.avi'
            write_video(folder / 'videos' / name, seed=10 * label + number)
            lists['train' if number < videos else 'test'].append(f'{name} {label + 1}')
    (annotations / 'classInd.txt').write_text(''.join(f'{n + 1} Class{n}\r\n' for n in range(num_classes)))
    for name, lines in lists.items():
        (annotations / f'{name}list01.txt').write_text('\r\n'.join(lines) + '\r\n')
    return folder / 'videos', annotations
