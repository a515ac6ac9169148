"""Frame folders: ``image_00001.jpg`` …, with ``n_frames``, ``fps`` and a mark that the folder is complete.

Frames as stored have their seconds in ``times``.
"""

import json
import os
import re
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

from kdtoolbox.plain_files import read_json
from kdtoolbox.video_files import is_hidden

FRAME_TEMPLATE = 'image_%05d.jpg'
STATE_FOLDER = '.kdtoolbox'  # in the root of a tree of frames: lock, settings and unfinished folders
_FRAME_NAME = re.compile(r'image_(\d{5,})\.jpg')
_MARK = '.complete'
TIMES_FILE = 'times'
_OWN_FILES = {_MARK, 'n_frames', 'fps', TIMES_FILE, '.n_frames.part', '.fps.part', f'.{TIMES_FILE}.part'}
_END_OF_JPEG = b'\xff\xd9'


def frame_names(folder: Path) -> list[str]:
    """The names of the frames in a folder, in order of their numbers."""
    numbered = [(int(match[1]), name) for name in os.listdir(folder) if (match := _FRAME_NAME.fullmatch(name))]
    return [name for _, name in sorted(numbered)]


def count_frames(folder: Path) -> int:
    """Number of frames in a folder.

    Raises:
        ValueError: it holds none, or a number between the first and the last is missing.
    """
    names = frame_names(folder)
    if not names:
        raise ValueError('no frames: no image_00001.jpg in it')
    last = int(names[-1].removeprefix('image_').removesuffix('.jpg'))
    if last != len(names):
        raise ValueError(f'{len(names)} frames, but the last is number {last}: extract this video again')
    return last


def first_broken_frame(folder: Path) -> str:
    """Name of the first frame that does not end as a JPEG does (cut off, empty), '' if all do."""
    for name in frame_names(folder):
        with open(os.path.join(folder, name), 'rb', buffering=0) as file:  # unbuffered, as there are many
            file.seek(max(file.seek(0, os.SEEK_END) - 2, 0))
            if file.read() != _END_OF_JPEG:
                return name
    return ''


def ascending(times: Sequence[float | None], *, step_seconds: float) -> list[float]:
    """Times of frames in order: one without a time, or with one not after the last, comes a step after the last.

    >>> ascending([0.0, 0.08, 0.04, None, 0.16], step_seconds=0.04)
    [0.0, 0.08, 0.12, 0.16, 0.2]
    """
    fitted: list[float] = []
    for seconds in times:
        if seconds is not None and (not fitted or seconds > fitted[-1]):
            fitted.append(seconds)
        else:
            fitted.append(round(fitted[-1] + step_seconds, 6) if fitted else 0.0)
    return fitted


def write_times(folder: Path, times: Sequence[float]) -> None:
    """Write the seconds of each frame, one a line, on the time line of the container, whose start is 0."""
    write_text(folder / TIMES_FILE, ''.join(f'{seconds:.6f}\n' for seconds in times))


def mark_complete(
    folder: Path, *, num_frames: int, video_bytes: int, warning: str, frames_per_second: float | None = None
) -> None:
    """Note in the folder that all frames of a video of this size are in it, and the rate they were written at.

    Marks of earlier versions have no ``colours``: their frames of BT.709 videos were written without conversion.
    """
    text = json.dumps(
        {
            'num_frames': num_frames,
            'video_bytes': video_bytes,
            'warning': warning,
            'frames_per_second': frames_per_second,
            'colours': 'bt601',
        }
    )
    (folder / _MARK).write_text(text, encoding='utf-8')


def read_mark(folder: Path) -> dict | None:
    """What ``mark_complete`` noted, ``None`` where there is no readable mark."""
    try:
        mark = read_json(folder / _MARK, max_bytes=100_000)
    except ValueError:
        return None
    return mark if isinstance(mark, dict) else None


def is_complete(folder: Path, video_bytes: int) -> bool:
    """Whether the folder was marked for a video of this size, and still holds as many frames."""
    mark = read_mark(folder)
    return (
        mark is not None
        and mark.get('video_bytes') == video_bytes
        and mark.get('num_frames') == len(frame_names(folder))
    )


def foreign_files(folder: Path) -> list[str]:
    """Names in a frame folder that no preparation tool has put there."""
    return sorted(name for name in os.listdir(folder) if name not in _OWN_FILES and not _FRAME_NAME.fullmatch(name))


def move_into_place(part: Path, folder: Path) -> None:
    """Rename ``part`` to ``folder``; an older folder there is set aside first, in ``part``'s folder, then deleted.

    Nothing but whole folders ever has the final name: killed in between, the name is free, and the video is not done.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    if folder.is_dir():
        old = part.with_name(part.name + '.old')
        folder.rename(old)
        part.rename(folder)
        shutil.rmtree(old)
    else:
        part.rename(folder)


def frame_folders(jpg_dir: Path) -> Iterator[Path]:
    """The frame folders of a tree, sorted: those in its class folders, and those directly in it (ActivityNet).

    Raises:
        ValueError: there is no such folder, or none in it.
    """
    tops = subfolders(jpg_dir)
    if not tops:
        raise ValueError(f'{jpg_dir} holds no frame folders: extract the videos into it first')
    for top in tops:
        yield from subfolders(top) or [top]


def subfolders(folder: Path) -> list[Path]:
    """The folders in a folder, sorted, hidden ones left out.

    Raises:
        ValueError: there is no such folder.
    """
    if not folder.is_dir():
        raise ValueError(f'there is no folder {folder}')
    with os.scandir(folder) as entries:
        return sorted(Path(entry) for entry in entries if entry.is_dir() and not is_hidden(entry.name))


def write_text(file: Path, text: str) -> None:
    """Write a small file aside and rename it, so that no reader ever sees half of it."""
    aside = file.with_name(f'.{file.name}.part')
    aside.unlink(missing_ok=True)  # a link of this name would be followed
    aside.write_text(text, encoding='utf-8')
    aside.replace(file)
