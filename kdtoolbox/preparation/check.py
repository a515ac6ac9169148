"""Checks of a tree of frame folders against its own files and the annotations."""

import math
from collections import Counter
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from statistics import median
from typing import cast

from PIL import Image

from kdtoolbox.plain_files import read_json, read_text
from kdtoolbox.preparation.annotations import Annotations
from kdtoolbox.preparation.frame_folders import (
    TIMES_FILE,
    count_frames,
    first_broken_frame,
    frame_folders,
    frame_names,
    read_mark,
)
from kdtoolbox.preparation.parallel import in_parallel
from kdtoolbox.preparation.report import DONE, FAILED, Report
from kdtoolbox.terminal import Progress

IMBALANCE = 10  # the largest class has so many times the videos of the smallest: worth a word


def check_tree(
    jpg_dir: Path,
    report: Report,
    *,
    annotations: Annotations | None = None,
    every_frame: bool = False,
    num_workers: int,
) -> list[str]:
    """Check every frame folder, and with ``annotations`` that each annotated video is there.

    Each wrong folder and each missing video is a failure of the report; the returned lines are remarks on the whole.
    That a frame ends as a JPEG does is checked for all; decoded are the first, middle and last, or ``every_frame``.

    Raises:
        ValueError: there are no frame folders.
    """
    folders = list(frame_folders(jpg_dir))
    progress = Progress(len(folders))
    for folder, problems in in_parallel(
        partial(_check_folder, every_frame=every_frame), folders, num_workers=num_workers
    ):
        progress.update()
        report.add(FAILED if problems else DONE, folder, '; '.join(problems))
    progress.close()
    present = {folder.relative_to(jpg_dir).as_posix() for folder in folders}
    if annotations is None:
        return _balance(Counter(name.split('/')[0] for name in present if '/' in name))
    found = {}
    for key, entry in annotations['database'].items():
        places = _places(key, entry)
        found[key] = next((place for place in places if place in present), None)
        if found[key] is None:
            report.add(FAILED, key, f'annotated, but there is no {places[0]} in the tree')
    extra = len(present - set(found.values()))
    remarks = [f'{extra} of {len(present)} frame folders are in no annotation'] if extra else []
    labels = dict.fromkeys(annotations.get('labels', ()), 0)
    labels.update(
        Counter(
            label
            for key, entry in annotations['database'].items()
            if found[key] and entry['subset'] == 'training'
            for label in _labels(entry)
        )
    )
    return remarks + _balance(labels)


def read_annotations(file: Path) -> Annotations:
    """Read JSON in ActivityNet's form.

    Raises:
        ValueError: there is no such file, or it has another form.
    """
    if not file.exists():
        raise ValueError(f'there is no file {file}')
    annotations = read_json(file)
    if not isinstance(annotations, dict) or not isinstance(annotations.get('database'), dict):
        raise ValueError(f'{file} has no "database": expected what the *_json tools write, or ActivityNet\'s JSON')
    for key, entry in annotations['database'].items():
        if not _is_entry(entry):
            raise ValueError(
                f'{file}: the entry of {key!r} is {str(entry)[:60]}, expected {{"subset": …, '
                '"annotations": {"label": …}}, or a list of {"label": …, "segment": …} as annotations'
            )
    return cast(Annotations, annotations)


def _is_entry(entry: object) -> bool:
    if not isinstance(entry, dict) or not isinstance(entry.get('subset'), str):
        return False
    annotations = entry.get('annotations') or {}
    parts = annotations if isinstance(annotations, list) else [annotations]
    return isinstance(annotations, (dict, list)) and all(
        isinstance(part, dict) and isinstance(part.get('label', ''), str) for part in parts
    )


def _check_folder(folder: Path, every_frame: bool) -> tuple[Path, list[str]]:
    try:
        num_frames = count_frames(folder)
    except ValueError as error:
        return folder, [str(error)]
    mark = read_mark(folder)
    problems = []
    if mark is not None and mark.get('num_frames') != num_frames:
        problems.append(f'{num_frames} frames, but {mark.get("num_frames")} were extracted')
    written = _read_number(folder / 'n_frames')
    if written != num_frames:
        problems.append(
            f'n_frames says {written}, there are {num_frames}'
            if written is not None
            else 'n_frames is missing or no number'
        )
    rate = _read_number(folder / 'fps')
    if rate is None or not math.isfinite(rate) or rate <= 0:
        problems.append(
            'fps is missing or no number' if rate is None else f'fps says {rate:g}, expected a rate above 0'
        )
    if (folder / TIMES_FILE).exists():
        problems += _times_problems(folder, num_frames)
    names = frame_names(folder)
    broken = first_broken_frame(folder) or _undecodable(
        folder, names if every_frame else sorted({names[0], names[len(names) // 2], names[-1]})
    )
    if broken:
        problems.append(f'{broken} cannot be read')
    return folder, problems


def _times_problems(folder: Path, num_frames: int) -> list[str]:
    try:
        times = [float(line) for line in read_text(folder / TIMES_FILE).splitlines()]
    except ValueError:
        return ['times cannot be read as a number a line']
    if len(times) != num_frames:
        return [f'{len(times)} times of {num_frames} frames']
    return [] if times == sorted(set(times)) else ['the times do not ascend']


def _undecodable(folder: Path, names: Sequence[str]) -> str:
    """Name of the first of these frames that does not decode, '' if all do."""
    for name in names:
        try:
            with Image.open(folder / name) as image:
                image.load()
        except (OSError, SyntaxError, ValueError):  # what Pillow raises for broken files
            return name
    return ''


def _read_number(file: Path) -> float | None:
    try:
        return float(read_text(file, max_bytes=1000))
    except ValueError:
        return None


def _labels(entry: dict) -> set[str]:
    """The labels of a video: any number for ActivityNet's segments, else one, or none if it has no label."""
    annotations = entry.get('annotations') or {}
    segments = annotations if isinstance(annotations, list) else [annotations]
    return {segment['label'] for segment in segments if 'label' in segment}


def _places(key: str, entry: dict) -> list[str]:
    """Possible frame folders of an annotated video, the most likely first; only ActivityNet's annotations are lists."""
    if isinstance(entry.get('annotations'), list):
        return [f'v_{key}', key]
    label = next(iter(_labels(entry)), 'test')
    return [key] if '/' in key else [f'{label}/{key}', f'{label.replace(" ", "_")}/{key}', key]


def _balance(videos_per_class: dict[str, int]) -> list[str]:
    if not videos_per_class:
        return []
    smallest = min(videos_per_class, key=videos_per_class.__getitem__)
    largest = max(videos_per_class, key=videos_per_class.__getitem__)
    low, high = videos_per_class[smallest], videos_per_class[largest]
    line = (
        f'{len(videos_per_class)} classes of {low} ({smallest}) to {high} ({largest}) videos, median '
        f'{median(videos_per_class.values()):g}'
    )
    return (
        [
            line,
            f'imbalance: {largest} has more than {IMBALANCE} times the videos of {smallest}; think of weighting '
            'or of accuracy per class',
        ]
        if high > IMBALANCE * max(low, 1)
        else [line]
    )
