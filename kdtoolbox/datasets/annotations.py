"""Reading annotation files: what every data set's reader returns, and the form that several of them share."""

import json
import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

SUBSETS = ('training', 'validation', 'testing')

_LIST_LINE = re.compile(r'(?P<path>\S.*?\.\w+)(?:\s+(?P<number>\d+))?\s*')


@dataclass(frozen=True)
class Annotation:
    """One video, or one segment of a video, as an annotation file names it.

    Args:
        key: path of the video below the data root, or the stem the data set derives its path from.
        label: name of the class; None where the data set does not tell it.
        segment_seconds: (start, end) within the video; None is the whole of it.

    Raises:
        ValueError: the key or the label would lead out of the data root.
    """

    key: str
    label: str | None = None
    segment_seconds: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        for part in filter(None, (self.key, self.label)):
            path = PurePosixPath(part)
            if path.is_absolute() or '..' in path.parts:
                raise ValueError(f'the annotation names {part!r}: expected a path below the data root, without ".."')


Annotations = tuple[list[Annotation], list[str] | None]
"""Annotations in file order, and the class names in label order if the annotation files tell them."""


def existing(path: str | Path) -> Path:
    """``path``, if it is there.

    Raises:
        ValueError: it is not; the message says what is there instead.
    """
    path = Path(path)
    if path.exists():
        return path
    nearest = next(parent for parent in path.absolute().parents if parent.exists())
    names = sorted(entry.name for entry in nearest.iterdir())
    there = ', '.join(names[:8]) + (f' … ({len(names)} in all)' if len(names) > 8 else '') or 'nothing'
    raise ValueError(f'annotation file {path} is not there; in {nearest} there is: {there}. '
                     'Set ann_file to where the annotations of the data set lie')


def lines_of(path: str | Path) -> list[str]:
    """The lines that are not blank, stripped; CRLF line ends do not matter."""
    return [line.strip() for line in existing(path).read_text(encoding='utf-8-sig').splitlines() if line.strip()]


def read_json(path: str | Path, subset: str) -> Annotations:
    """ActivityNet-style JSON: its own v1.3 with untrimmed videos, and the one the preparation tools write.

    Where ``annotations`` is a list, each entry is a segment and becomes a sample; where it is a dict, the video is
    already cut to the action. Without ``labels`` the classes are the labels of all subsets, sorted.

    Raises:
        ValueError: the file is not there or not of this form.
    """
    try:
        content = json.loads(existing(path).read_text(encoding='utf-8'))
        database = content['database']
        videos = [(key, video) for key, video in database.items() if video['subset'] == subset]
        classes = content.get('labels') or sorted({label for video in database.values()
                                                   for label, _ in _labels_and_segments(video) if label is not None})
        found = [Annotation(key, label, segment) for key, video in videos
                 for label, segment in _labels_and_segments(video)]
    except json.JSONDecodeError as error:
        raise ValueError(f'{path} is not JSON: {error}') from error
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f'{path} is not ActivityNet-style JSON ({error!r}): expected {{"labels": […], "database": '
                         '{key: {"subset": …, "annotations": {"label": …}}}}') from error
    return found, list(classes)


def _labels_and_segments(video: dict) -> list[tuple[str | None, tuple[float, float] | None]]:
    annotations = video.get('annotations') or {}
    if isinstance(annotations, dict):
        return [(annotations.get('label'), None)]
    return [(entry['label'], tuple(entry['segment'])) for entry in annotations]


def read_list(path: str | Path) -> tuple[list[Annotation], list[int | None]]:
    """A list with a line ``Class/video.avi`` or ``Class/video.avi number`` for each video, as UCF-101's.

    Returns the annotations, their class being the first folder, and the numbers, None where a line has none.

    Raises:
        ValueError: the file is not there or a line is not of this form.
    """
    annotations, numbers = [], []
    for line in lines_of(path):
        match = _LIST_LINE.fullmatch(line)
        if match is None or '/' not in match['path']:
            raise ValueError(f'{path}: expected lines "Class/video.avi" or "Class/video.avi number", got {line!r}')
        annotations.append(Annotation(match['path'], match['path'].split('/')[0]))
        numbers.append(None if match['number'] is None else int(match['number']))
    return annotations, numbers
