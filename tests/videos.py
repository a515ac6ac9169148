"""Generated video files in the layouts of the data sets."""

import json
from pathlib import Path

import cv2
import numpy as np


def write_video(file: Path, *, seed: int = 0, num_frames: int = 20, width: int = 64, height: int = 48) -> Path:
    """A bright square that moves over noise."""
    file.parent.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(seed)
    background = random.integers(0, 120, (height, width, 3), dtype=np.uint8)
    writer = cv2.VideoWriter(
        str(file), cv2.VideoWriter_fourcc(*('VP80' if file.suffix == '.webm' else 'MJPG')), 10, (width, height)
    )
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


def write_with_json(
    folder: Path, *, key: str, video: str, cut: bool, num_classes: int = 3, videos: int = 2
) -> tuple[Path, Path]:
    """As :func:`write_hmdb51`, with one JSON file of annotations, in the layout of any data set that has one.

    Args:
        key: of a video in the file, with ``{label}`` and ``{number}``.
        video: where it lies, likewise.
        cut: videos are cut to their action; otherwise each has two segments.
    """
    database = {}
    for label in range(num_classes):
        for number in range(2 * videos):
            name = dict(label=label, number=number)
            write_video(folder / 'videos' / f'{video.format(**name)}.avi', seed=10 * label + number)
            action = dict(label=f'class{label}')
            segments = [dict(action, segment=[0.0, 1.0]), dict(action, segment=[1.0, 1.9])]
            subset = 'training' if number < videos else 'validation'
            database[key.format(**name)] = dict(subset=subset, annotations=action if cut else segments)
    (folder / 'annotations.json').write_text(json.dumps(dict(database=database)))
    return folder / 'videos', folder / 'annotations.json'


def write_kinetics(folder: Path) -> tuple[Path, Path]:
    """Videos and JSON in the layout of Kinetics."""
    clip = 'video{label}{number}_000001_000011'
    return write_with_json(folder, key=clip, video=f'class{{label}}/{clip}', cut=True)


def write_activitynet(folder: Path) -> tuple[Path, Path]:
    """Videos and JSON in the layout of ActivityNet, each video with two segments."""
    return write_with_json(folder, key='id{label}{number}', video='v_id{label}{number}', cut=False, videos=1)


def write_folders(folder: Path) -> tuple[Path, Path]:
    """Videos in class folders, and a split as ``kdtoolbox prepare folder`` writes it."""
    clip = 'class{label}/clip{number}'
    return write_with_json(folder, key=clip, video=clip, cut=True)


SSV2_TEMPLATES = (
    'Holding [something]',
    'Pushing [something] from left to right',
    'Tearing [something] into two pieces',
)


def write_ssv2(folder: Path, *, videos: int = 2) -> tuple[Path, Path]:
    """Videos and JSON files in the layout of Something-Something V2."""
    annotations = folder / 'labels'
    annotations.mkdir(parents=True)
    splits: dict[str, list[dict]] = {'train': [], 'validation': []}
    for label, template in enumerate(SSV2_TEMPLATES):
        for number in range(2 * videos):
            name = str(1000 + 10 * label + number)
            write_video(folder / f'20bn-something-something-v2/{name}.webm', seed=10 * label + number)
            entry = dict(id=name, label=template.lower(), template=template, placeholders=['a spoon'])
            splits['train' if number < videos else 'validation'].append(entry)
    names = [template.replace('[', '').replace(']', '') for template in SSV2_TEMPLATES]
    labels = {name: str(number) for number, name in reversed(list(enumerate(names)))}
    for name, content in dict(splits, labels=labels, test=[dict(id='9')]).items():
        (annotations / f'{name}.json').write_text(json.dumps(content))
    return folder / '20bn-something-something-v2', annotations
