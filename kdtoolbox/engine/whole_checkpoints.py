"""Checkpoints that are whole or not there: how they are written, and which one a training goes on from."""

import logging
import zipfile
from collections.abc import Iterator
from pathlib import Path

from mmengine.fileio import LocalBackend, register_backend
from mmengine.logging import print_log

from kdtoolbox.safe_files import load_safely, write_bytes_aside

WHOLE_FILES = 'whole_files'
LAST = 'last_checkpoint'  # the file in which mmengine notes the path of the newest one
OF_TRAINING = {'meta', 'state_dict', 'message_hub', 'optimizer'}


class NotWrittenError(ValueError):
    """A file could not be written, and what was there before is still there."""


class WholeFilesBackend(LocalBackend):
    """Local files that are written aside, brought to the disk and moved into place.

    What is removed stays until :meth:`remove_superseded` says that what takes its place is there.
    """

    def __init__(self) -> None:
        self._superseded: list[tuple[Path, int]] = []

    def put(self, obj: bytes, filepath: str | Path) -> None:
        """Raise NotWrittenError where it cannot be written."""
        try:
            write_bytes_aside(filepath, obj)
        except ValueError as error:
            raise NotWrittenError(str(error)) from error

    def remove(self, filepath: str | Path) -> None:
        """Note that the file, as it is now, is to go."""
        path = Path(filepath)
        self._superseded.append((path, path.stat().st_ino))

    def remove_superseded(self) -> None:
        """Remove what was noted, but for files that were written again since."""
        for path, number in self._superseded:
            if path.is_file() and path.stat().st_ino == number:
                path.unlink()
        self._superseded.clear()


register_backend(WHOLE_FILES, WholeFilesBackend, force=True)


def newest_whole_checkpoint(work_dir: str | Path) -> str | None:
    """The checkpoint that a training in this work directory goes on from; None where there is none yet.

    That which ``last_checkpoint`` names, or where it is gone or not whole, the newest one that is; then it says so.

    Raises:
        ValueError: there are checkpoints, but none is whole.
    """
    folder = Path(work_dir)
    note = folder / LAST
    named = note.read_text(encoding='utf-8', errors='replace').strip() if note.is_file() else ''
    candidates = [Path(named), folder / Path(named).name] if named else []  # the folder may have been moved
    last = next((file for file in candidates if file.is_file()), None)
    problem = damage_of(last) if last else f'{named} is gone' if named else f'{note} names none'
    if last and problem is None:
        return str(last)
    files = [file for file in _newest_first(folder) if file != last]
    found = next((file for file in files if _is_whole_of_training(file)), None)
    if found is not None:
        print_log(f'{problem}: going on from {found}, the newest checkpoint that is whole', 'current', logging.WARNING)
        return str(found)
    if named:
        raise ValueError(
            f'{problem}, and no other checkpoint in {folder} is whole: there is nothing to go on from. To start again, '
            f'remove {note} or choose another --work-dir'
        )
    return None


def damage_of(file: str | Path) -> str | None:
    """What makes a checkpoint unreadable, as a sentence; None where nothing does.

    Torch writes a zip archive in which each part has a checksum (CRC-32), and the list of the parts comes last.
    """
    file = Path(file)
    if not file.stat().st_size:
        return f'{file} is empty'
    with open(file, 'rb') as stream:
        if stream.read(2) != b'PK':
            return None  # of another kind, for which its reader has words
    try:
        with zipfile.ZipFile(file) as archive:
            broken = archive.testzip()
    except (zipfile.BadZipFile, EOFError, ValueError, NotImplementedError):
        return f'{file} is cut off: writing or copying it did not end'
    return None if broken is None else f'{file} is damaged (the checksum of {broken} is wrong)'


def _newest_first(folder: Path) -> Iterator[Path]:
    files = [file for file in folder.glob('*.pth') if file.is_file() and not file.name.startswith('.')]
    return iter(sorted(files, key=lambda file: file.stat().st_mtime_ns, reverse=True))


def _is_whole_of_training(file: Path) -> bool:
    if damage_of(file) is not None:
        return False
    try:
        return load_safely(file, what='checkpoint').keys() >= OF_TRAINING
    except ValueError:  # somebody else's file
        return False
