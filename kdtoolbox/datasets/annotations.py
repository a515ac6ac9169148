"""Reading annotation files: the common return type, and ActivityNet-style JSON."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from mmengine.logging import print_log

from kdtoolbox.datasets.segments import Segment, checked_segment, shows_nothing
from kdtoolbox.plain_files import numbered_lines
from kdtoolbox.plain_files import read_json as read_any_json

SUBSETS = ('training', 'validation', 'testing')


@dataclass(frozen=True)
class Annotation:
    """One video, or one segment of a video, as an annotation file names it.

    Args:
        key: path of the video below the data root, or the stem the data set derives its path from.
        label: name of the class; None where the data set does not tell it.
        segment_seconds: (start, end) within the video; None is the whole of it.

    Raises:
        ValueError: the key or the label would lead out of the data root, or the segment is not two seconds of a video.
    """

    key: str
    label: str | None = None
    segment_seconds: Segment | None = None

    def __post_init__(self) -> None:
        for part in filter(None, (self.key, self.label)):
            path = PurePosixPath(part)
            if path.is_absolute() or '..' in path.parts or '\0' in part:
                raise ValueError(
                    f'the annotation names {part[:60]!r}: expected a path below the data root, without ".." or NUL'
                )
        if self.segment_seconds is not None:
            checked_segment(self.segment_seconds, f'the annotation of {self.key!r}')


Annotations = tuple[list[Annotation], list[str] | None]
"""Annotations in file order, and the class names in label order if the annotation files tell them."""


def existing(path: str | Path) -> Path:
    """Check that ``path`` exists and return it.

    Raises:
        ValueError: it does not exist; the message lists the files in the nearest existing folder.
    """
    path = Path(path)
    if path.exists():
        return path
    nearest = next(parent for parent in path.absolute().parents if parent.exists())
    names = sorted(entry.name for entry in nearest.iterdir())
    there = ', '.join(names[:8]) + (f' … ({len(names)} in all)' if len(names) > 8 else '') or 'nothing'
    raise ValueError(
        f'annotation file {path} is not there; in {nearest} there is: {there}. '
        "Set ann_file to the file or folder of the data set's annotations"
    )


def lines_of(path: str | Path) -> list[tuple[str, str]]:
    """(where, line) of the non-blank lines, stripped; CRLF line ends are accepted.

    Raises:
        ValueError: the file is not there, or is no text.
    """
    return [(f'{path}, line {number}', line) for number, line in numbered_lines(existing(path))]


def annotation_at(where: str, key: str, label: str | None = None, segment: Segment | None = None) -> Annotation:
    """An annotation that a file gives.

    Args:
        where: file and line, in messages.

    Raises:
        ValueError: as :class:`Annotation`.
    """
    try:
        return Annotation(key, label, segment)
    except ValueError as error:
        raise ValueError(f'{where}: {error}') from None


def read_json(path: str | Path, subset: str) -> Annotations:
    """ActivityNet-style JSON: its own v1.3 with untrimmed videos, and the one the preparation tools write.

    Where ``annotations`` is a list, each entry is a segment and becomes a sample; where it is a dict, the video is
    already cut to the action. An empty list is no sample, except in ``testing``, whose annotations are not published.
    Segments without length, of which the official file has some, and segments after the ``duration`` of their video are
    left out, with one warning. Without ``labels`` the classes are the labels of all subsets, sorted.

    Raises:
        ValueError: the file does not exist or has another form, or a segment is not two numbers of 0 or more.
    """
    content = read_any_json(existing(path))
    if not isinstance(content, dict) or not isinstance(content.get('database'), dict):
        raise _not_of_the_form(path, 'it has no "database"')
    found, labels, empty = [], set(), []
    for key, video in content['database'].items():
        if not isinstance(video, dict) or not isinstance(video.get('subset'), str):
            raise _not_of_the_form(path, f'video {key!r} is {str(video)[:60]}, without a subset')
        for label, segment in _labels_and_segments(path, key, video):
            labels.add(label)
            if video['subset'] != subset:
                continue
            if segment is not None and shows_nothing(segment, video.get('duration')):
                empty.append(f'{key} {list(segment)}')
            else:
                found.append(annotation_at(str(path), key, label, segment))
    if empty:
        print_log(
            f'{path}: {len(empty)} segments of the subset {subset!r} end before they begin or are behind the end '
            f'of their video, and are left out, among them {", ".join(empty[:3])}',
            'current',
            logging.WARNING,
        )
    classes = content.get('labels') or sorted(labels - {None})
    if not isinstance(classes, list):
        raise _not_of_the_form(path, f'its labels are {str(classes)[:60]}')
    return found, classes


def _labels_and_segments(path: str | Path, key: str, video: dict) -> Iterator[tuple[str | None, Segment | None]]:
    annotations = video.get('annotations')
    if not annotations:
        if not isinstance(annotations, list) or video['subset'] == 'testing':
            yield None, None
        return
    is_cut = isinstance(annotations, dict)
    if not is_cut and not isinstance(annotations, list):
        raise _not_of_the_form(path, f'video {key!r} is annotated with {str(annotations)[:60]}')
    for entry in [annotations] if is_cut else annotations:
        if not isinstance(entry, dict) or (not is_cut and not {'label', 'segment'} <= entry.keys()):
            raise _not_of_the_form(path, f'video {key!r} is annotated with {str(entry)[:60]}')
        label = entry.get('label')
        if label is not None and not isinstance(label, str):
            raise ValueError(f'{path}: the label of video {key!r} is {label!r}: labels are names, write them in quotes')
        yield label, None if is_cut else checked_segment(entry['segment'], f'{path}, video {key!r}')


def _not_of_the_form(path: str | Path, what: str) -> ValueError:
    return ValueError(
        f'{path} is not ActivityNet-style JSON ({what}): expected {{"labels": […], "database": '
        '{key: {"subset": …, "annotations": {"label": …}}}}, or a list of {"label": …, "segment": '
        '[start, end]} as annotations'
    )
