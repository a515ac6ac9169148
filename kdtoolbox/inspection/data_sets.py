"""Checks of the data sets: no video in training and test, every class in training."""

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence, Sized
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from torch.utils.data import Dataset

from kdtoolbox.inspection.findings import Finding, error, listed

CHUNK_BYTES = 16384
MAX_FILES_COMPARED = 50_000
"""Above it the content of files is not compared, only their names: asking for all sizes would take too long."""
FIRST_FRAMES = ('image_00001.jpg', 'img_00001.jpg')  # as the preparation tools and mmaction2 write them
GROUP_OF_UCF101 = re.compile(r'(v_.+_g\d+)_c\d+')


@dataclass(frozen=True)
class Video:
    """One sample of a data set.

    Args:
        file: the video, or the folder of its frames.
        label: -1 for none.
        is_query: it is tested on; a video of the gallery is not.
    """

    file: str
    label: int
    is_query: bool


def size_of(dataset: Dataset) -> int:
    """The number of samples; those of mmengine have one."""
    return len(cast(Sized, dataset))


def info_of(dataset: Dataset, index: int) -> dict:
    """What mmengine's data sets know of a sample before its pipeline; nothing for others."""
    tell = getattr(dataset, 'get_data_info', None)
    return {} if tell is None else tell(index)


def parts_of(dataset: Dataset) -> list[Dataset]:
    """The data sets that a concatenation or a wrapper consists of; itself, if it is neither."""
    datasets = getattr(dataset, 'datasets', None)
    if isinstance(datasets, Sequence):
        return [part for one in datasets for part in parts_of(one)]
    inner = getattr(dataset, 'dataset', None)
    return parts_of(inner) if isinstance(inner, Dataset) else [dataset]


def videos_of(dataset: Dataset) -> list[Video]:
    """The videos of those parts that tell them; none of data sets that are made otherwise."""
    found = []
    for part in parts_of(dataset):
        if not hasattr(part, 'get_data_info'):
            continue
        is_query = getattr(part, 'role', 'query') != 'gallery'
        for index in range(size_of(part)):
            info = info_of(part, index)
            file = info.get('filename') or info.get('frame_dir')
            label = info.get('label', -1)
            if file is not None:
                found.append(Video(str(file), label if isinstance(label, int) else -1, is_query))
    return found


def shared_videos(training: Sequence[Video], validation: Sequence[Video]) -> Iterator[Finding]:
    """Queries that are trained on or are in the gallery: by path, by content, by the group of UCF-101."""
    queries = [video for video in validation if video.is_query]
    gallery = [video for video in validation if not video.is_query]
    places = {'the training set': _shared(queries, training), 'the gallery': _shared(queries, gallery)}
    found = {place: files for place, files in places.items() if files}
    if found:
        counts = ' and '.join(
            f'{len(files)} of {len(queries)} queries are in {place}' for place, files in found.items()
        )
        yield Finding(
            f'{counts}, such as {next(iter(found.values()))[0]}: the metrics are then not valid for other videos. '
            'Look at subset, split and ann_file of the two'
        )
        return
    groups = {group for group in map(_group, training) if group}
    same = [video.file for video in queries if _group(video) in groups]
    if same:
        yield Finding(
            f'{len(same)} of {len(queries)} queries are of a group of UCF-101 that is trained on, such as '
            f'{same[0]}: clips of a group are cut from one video. Take the official split files'
        )


def missing_classes(
    classes: Sequence[str], training: Sequence[Video], validation: Sequence[Video], *, uses_labels: bool
) -> Iterator[Finding]:
    """Classes without a training video, those that are tested on but never trained, and labels that are no class.

    Args:
        classes: names, or their numbers in words where the data set does not name them.
    """
    trained = {video.label for video in training if video.label >= 0}
    queried = {video.label for video in validation if video.is_query and video.label >= 0}
    if not trained or not uses_labels:
        return
    if classes and (largest := max(trained | queried)) >= len(classes):
        yield error(
            f'a label is {largest}, but there are {len(classes)} classes, which are counted from 0: correct the '
            f'labels, or set model.student.cls_head.num_classes={largest + 1}'
        )
    absent = [number for number in range(len(classes)) if number not in trained]
    if not absent:
        return
    hint = (
        '. Labels seem to be counted from 1: count them from 0, and set num_classes one lower'
        if absent == [0] and len(classes) > 2
        else ''
    )
    tested = len(queried.intersection(absent))
    yield Finding(
        f'{len(absent)} of {len(classes)} classes have no training video: '
        f'{listed([classes[number] for number in absent])}'
        + (f'; {tested} of them are tested on' if tested else '')
        + hint
    )


def one_root_for_two_subsets(datasets: Iterable[Dataset]) -> Iterator[Finding]:
    """Report data sets without ``ann_file`` that are used for two subsets, as they take all videos for each."""
    asked: dict[tuple, set[str]] = defaultdict(set)
    for part in (part for dataset in datasets for part in parts_of(dataset)):
        if getattr(part, 'ann_file', None) == '' and hasattr(part, 'subset') and hasattr(part, 'roots'):
            asked[type(part).__name__, tuple(map(str, part.roots))].add(part.subset)
    for (name, roots), subsets in asked.items():
        if len(subsets) > 1:
            yield error(
                f'{name} is asked for {" and ".join(sorted(subsets))} of {", ".join(roots)}, but without ann_file '
                'it takes all videos there for each: name the files that say which is which (kdtoolbox prepare '
                'makes them), or give each subset a root of its own'
            )


def _group(video: Video) -> str | None:
    match = GROUP_OF_UCF101.fullmatch(Path(video.file).stem)
    return None if match is None else match[1]


def _shared(videos: Sequence[Video], others: Sequence[Video]) -> list[str]:
    """Files of ``videos`` that are among ``others`` too, by path or else by content."""
    by_path = {video.file for video in videos} & {video.file for video in others}
    if by_path or len(videos) + len(others) > MAX_FILES_COMPARED:
        return [video.file for video in videos if video.file in by_path]
    return _same_content(sorted({video.file for video in videos}), sorted({video.file for video in others}))


def _same_content(files: Sequence[str], others: Sequence[str]) -> list[str]:
    """Those of ``files`` whose size, begin and end are those of one of ``others``."""
    of_size: dict[int, list[str]] = defaultdict(list)
    for other in others:
        of_size[_size(other)].append(other)
    of_size.pop(-1, None)
    alike = {file: size for file in files if (size := _size(file)) in of_size}
    digests = {_begin_and_end(other) for size in set(alike.values()) for other in of_size[size]}
    return [file for file in alike if _begin_and_end(file) in digests]


def _representative(file: str) -> Path:
    """The file that is compared: the video itself, or the first frame of a folder of them."""
    first = [Path(file, name) for name in FIRST_FRAMES]
    return next((path for path in first if path.is_file()), Path(file))


def _size(file: str) -> int:
    """In bytes; -1 where there is none to compare."""
    path = _representative(file)
    return (path.stat().st_size or -1) if path.is_file() else -1


def _begin_and_end(file: str) -> bytes:
    with open(_representative(file), 'rb') as content:
        digest = hashlib.sha256(content.read(CHUNK_BYTES))
        content.seek(-min(CHUNK_BYTES, content.seek(0, 2)), 2)
        digest.update(content.read())
    return digest.digest()
