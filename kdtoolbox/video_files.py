"""Which files are videos, and which folders are system folders: one rule for training and preparation."""

import heapq
import os
from collections.abc import Callable
from pathlib import Path

VIDEO_SUFFIXES = (
    '.avi',
    '.mp4',
    '.mkv',
    '.webm',
    '.mov',
    '.m4v',
    '.mpg',
    '.mpeg',
    '.wmv',
    '.flv',
    '.ts',
    '.m2ts',
    '.mts',
    '.asf',
    '.ogv',
    '.3gp',
    '.vob',
    '.gif',
)
# Waste bins, previews and the like that have no dot in front: Windows, Synology and QNAP storage, ext4, zip of macOS.
_NAMES_OF_SYSTEMS = {
    '$RECYCLE.BIN',
    'System Volume Information',
    '@eaDir',
    '@Recycle',
    '#recycle',
    'lost+found',
    '__MACOSX',
}


def is_hidden(name: str) -> bool:
    """Whether a file or folder of this name is hidden or made by the system, such as a waste bin or previews.

    >>> is_hidden('.Trash-1000'), is_hidden('@eaDir'), is_hidden('run')
    (True, True, False)
    """
    return name.startswith('.') or name in _NAMES_OF_SYSTEMS


def is_video(name: str) -> bool:
    """Whether a file name has the suffix of a video, in upper or lower case; hidden files are no videos.

    >>> is_video('IMG_1.MOV'), is_video('IMG_1'), is_video('._IMG_1.MOV'), is_video('Thumbs.db')
    (True, False, False, False)
    """
    return name.lower().endswith(VIDEO_SUFFIXES) and not is_hidden(name)


def find_files(root: Path, wanted: Callable[[str], bool]) -> list[str]:
    """Sorted paths, below ``root``, of the files with wanted names in it and in all folders below that are not hidden.

    Links are followed, as class folders are often links to other disks. Each folder is searched once; a folder that is
    reached both directly and by a link gets its real name.

    Raises:
        ValueError: there is no permission to read a folder.
    """
    found: list[str] = []
    folders = [('', os.path.realpath(root))]
    links: list[tuple[str, str]] = []  # they wait, in the order of their names
    seen = set()
    while folders or links:
        below, real = folders.pop() if folders else heapq.heappop(links)
        if real in seen or not os.path.isdir(real):
            continue
        seen.add(real)
        for entry in _entries(real):
            path = f'{below}/{entry.name}' if below else entry.name
            if not entry.is_dir():
                if wanted(entry.name):
                    found.append(path)
            elif is_hidden(entry.name):
                continue
            elif entry.is_symlink():
                heapq.heappush(links, (path, os.path.realpath(entry.path)))
            else:
                folders.append((path, entry.path))  # real, as the folder it is in is
    return sorted(found)


def videos_below(root: Path) -> list[Path]:
    """The files of all videos below ``root``, sorted, see :func:`find_files`.

    Raises:
        ValueError: there is none, or no permission to read a folder.
    """
    videos = [root / path for path in find_files(root, is_video)]
    if not videos:
        raise ValueError(f'{root} holds no videos, nor do the folders in it')
    return videos


def _entries(folder: str) -> list[os.DirEntry]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except PermissionError as error:
        raise ValueError(f'the folder {folder} may not be read: allow it, or take it out of the data') from error
