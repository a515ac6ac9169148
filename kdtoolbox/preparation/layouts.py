"""Folder layouts: finding the videos, and the frame folder of each."""

import os
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from kdtoolbox.preparation.frame_folders import subfolders
from kdtoolbox.video_files import VIDEO_SUFFIXES, is_hidden, is_video

_UNFINISHED = {'.part', '.ytdl', '.crdownload', '.tmp'}


@dataclass(frozen=True)
class VideoJob:
    """A video file and the folder of its frames, relative to the root of the tree of frames."""

    video: Path
    target: str


@dataclass(frozen=True)
class VideoTree:
    """The videos of a folder, and with a reason each those that cannot be worked on and those passed over."""

    jobs: list[VideoJob]
    refused: dict[Path, str]
    passed_over: dict[Path, str]


def flat_videos(video_dir: Path) -> VideoTree:
    """``<video>`` files in one folder: frames in ``<stem>``.

    Raises:
        ValueError: there is no such folder, or no file in it.
    """
    folders = dict.fromkeys(subfolders(video_dir), 'a folder: this layout takes the files directly in the folder')
    tree = _videos_once((VideoJob(file, file.stem) for file in _files(video_dir)), folders)
    return _not_empty(tree, f'{video_dir} holds no files. Expected {video_dir}/<video>')


def class_videos(video_dir: Path) -> VideoTree:
    """``<class>/<video>`` files (``test`` may be one of the folders): frames in ``<class>/<stem>``.

    Raises:
        ValueError: there is no such folder, or no file in any folder in it.
    """
    folders = subfolders(video_dir)
    stray = dict.fromkeys(_files(video_dir), 'a file beside the class folders, not in one')
    stray.update(
        (deep, 'a folder in a class folder: expected <class>/<video>')
        for folder in folders
        for deep in subfolders(folder)
    )
    tree = _videos_once(
        (VideoJob(file, f'{folder.name}/{file.stem}') for folder in folders for file in _files(folder)), stray
    )
    return _not_empty(tree, f'{video_dir} holds no videos in class folders. Expected {video_dir}/<class>/<video>')


def any_videos(video_dir: Path) -> VideoTree:
    """``class_videos`` if as many videos are in folders of ``video_dir`` as beside them, else ``flat_videos``."""
    beside = sum(is_video(file.name) for file in _files(video_dir))
    nested = sum(is_video(file.name) for folder in subfolders(video_dir) for file in _files(folder))
    return class_videos(video_dir) if nested and nested >= beside else flat_videos(video_dir)


def annotated_videos(roots: Iterable[Path], target_of: dict[str, str]) -> VideoTree:
    """The videos that annotations name, at most three folders below ``roots``: stem -> folder in ``target_of``.

    Where no name is the very stem, one that only differs in case is taken: UCF-101 spells one class in two ways.
    """
    seen: set[str] = set()
    files = [file for root in roots for file in _files_below(root, depth=3, seen=seen)]
    absent = target_of.keys() - {file.stem for file in files if is_video(file.name)}
    stem_of = {stem.casefold(): stem for stem in absent}
    found = ((file, file.stem if file.stem in target_of else stem_of.get(file.stem.casefold())) for file in files)
    return _videos_once((VideoJob(file, target_of[stem]) for file, stem in found if stem), {})


def is_inside(target: str) -> bool:
    """Whether a relative folder stays below the root it is meant for.

    >>> is_inside('Archery/v_Archery_g01_c01'), is_inside('../x'), is_inside('/etc'), is_inside('a/../../x')
    (True, False, False, False)
    """
    path = PurePosixPath(target)
    return not path.is_absolute() and '..' not in path.parts and '\0' not in target and path.parts != ()


def _files(folder: Path) -> list[Path]:
    """Files of any extension, sorted; hidden ones (.DS_Store, ._video.avi) are not looked at."""
    with os.scandir(folder) as entries:
        return [
            folder / name
            for name in sorted(entry.name for entry in entries if not is_hidden(entry.name) and not entry.is_dir())
        ]


def _files_below(folder: Path, *, depth: int, seen: set[str]) -> Iterator[Path]:
    """Files at most so many folders below; each folder once, however links lead."""
    real = os.path.realpath(folder)
    if real in seen:
        return
    seen.add(real)
    yield from _files(folder)
    for deeper in subfolders(folder) if depth else ():
        yield from _files_below(deeper, depth=depth - 1, seen=seen)


def _videos_once(jobs: Iterable[VideoJob], passed_over: dict[Path, str]) -> VideoTree:
    """Pass over what is no video, and refuse all videos that would share a folder: choosing one would be a guess."""
    jobs = list(jobs)
    no_videos = {
        job.video: 'an unfinished download'
        if job.video.suffix in _UNFINISHED
        else f'no video: its name ends in none of {", ".join(VIDEO_SUFFIXES)}'
        for job in jobs
        if not is_video(job.video.name)
    }
    jobs = [job for job in jobs if job.video not in no_videos]
    uses = Counter(job.target for job in jobs)
    good = [job for job in jobs if uses[job.target] == 1]
    refused = {
        job.video: f'{uses[job.target]} videos would share the frame folder {job.target}: rename or remove all but one'
        for job in jobs
        if uses[job.target] > 1
    }
    return VideoTree(good, refused, {**passed_over, **no_videos})


def _not_empty(tree: VideoTree, complaint: str) -> VideoTree:
    if not tree.jobs and not tree.refused:
        beside = f'; it holds {len(tree.passed_over)} other things, such as {next(iter(tree.passed_over))}'
        raise ValueError(complaint + (beside if tree.passed_over else ''))
    return tree
