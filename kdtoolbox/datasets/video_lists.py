"""Lists of videos in class folders, one on a line, as UCF-101's."""

import re
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from kdtoolbox.datasets.annotations import Annotation, annotation_at, lines_of

_LINE = re.compile(r'(?P<path>\S.*?\.\w+)(?:\s+(?P<number>\d{1,9}))?\s*')
_SUBSET_OF_LIST = {'train': 'training', 'test': 'validation'}


def read_list(path: str | Path) -> tuple[list[Annotation], list[int | None]]:
    """A list with a line ``Class/video.avi`` or ``Class/video.avi number`` for each video, as UCF-101's.

    Returns the annotations, their class being the first folder, and the numbers, None where a line has none.

    Raises:
        ValueError: the file is not there, a line is not of this form, or the numbers contradict the folders.
    """
    annotations: list[Annotation] = []
    numbers: list[int | None] = []
    folder_of: dict[int, str] = {}
    number_of: dict[str, int] = {}
    for where, line in lines_of(path):
        match = _LINE.fullmatch(line)
        if match is None or '/' not in match['path']:
            raise ValueError(
                f'{where}: expected lines "Class/video.avi" or "Class/video.avi number", got {line[:80]!r}'
            )
        folder = match['path'].split('/')[0]
        number = None if match['number'] is None else int(match['number'])
        if number is not None and (folder_of.setdefault(number, folder), number_of.setdefault(folder, number)) != (
            folder,
            number,
        ):
            raise ValueError(
                f'{where}: {line[:80]!r} contradicts another, in which the number {number} is that of '
                f'{folder_of[number]!r} and {folder!r} has the number {number_of.get(folder)}: the class '
                'of a video is its folder; correct the numbers, or leave them out'
            )
        annotations.append(annotation_at(where, match['path'], folder))
        numbers.append(number)
    return annotations, numbers


def check_list_fits(path: Path, subset: str) -> None:
    """Refuse one of UCF-101's lists, known by its name, that is not of the subset.

    Raises:
        ValueError: it is the list of the other subset.
    """
    known = re.match('(train|test)list', path.name)
    if known and subset != _SUBSET_OF_LIST[known[1]]:
        raise ValueError(
            f'{path} is by its name not the list of the subset {subset!r}: set ann_file to the one that '
            'is, or give the folder of the lists'
        )


def read_ordered_list(path: str | Path, classes: Sequence[str] | str | None) -> list[Annotation]:
    """The videos of a list; where it has numbers they must follow the order of the classes.

    Args:
        classes: of the data set; None, or the name of a file that is not there, are the folders, sorted.

    Raises:
        ValueError: as :func:`read_list`, or a class has a lower number than one before it.
    """
    annotations, numbers = read_list(path)
    number_of = {
        one.label: number
        for one, number in zip(annotations, numbers, strict=True)
        if number is not None and one.label is not None
    }
    if not classes or isinstance(classes, str):
        classes = sorted(number_of)
    for one, other in pairwise(name for name in classes if name in number_of):
        if number_of[one] > number_of[other]:
            raise ValueError(
                f'{path} gives {one!r} the number {number_of[one]} and {other!r} {number_of[other]}, but '
                'labels follow the order of the classes, the sorted names of the folders: give metainfo='
                'dict(classes=[…]) in the order of the numbers, or leave the numbers out'
            )
    return annotations
