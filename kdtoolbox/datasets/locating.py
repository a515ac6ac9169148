"""Finding the files of annotated videos: video files, or folders of extracted frames."""

import math
import os
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from kdtoolbox.plain_files import NoSuchFile, read_text
from kdtoolbox.video_files import VIDEO_SUFFIXES, find_files, is_video

FRAME_NAME = 'image_{:05}.jpg'
NUM_FRAMES_FILE = 'n_frames'
FPS_FILE = 'fps'
_LARGEST = 10**9  # frames, or frames a second
TIMES_FILE = 'times'  # only of frames that were extracted as stored


class VideoFinder:
    """Finds videos below the first of ``roots`` that has them.

    Each folder is listed once, because a look-up of each video is slow for large data sets on network storage.
    """

    def __init__(self, roots: Sequence[Path]) -> None:
        self.roots = list(roots)
        self._listings: dict[Path, dict[str, str]] = {}

    def find(self, candidates: Sequence[str]) -> dict | None:
        """Look for the first of ``candidates``, paths below a root, whose suffix may be another or missing.

        Returns:
            ``filename`` to open and ``sample_id``, the path below the root; None if there is none.
        """
        for candidate in map(PurePosixPath, candidates):
            for root in self.roots:
                names = self._listing(root / candidate.parent)
                name = names.get(candidate.name)
                if name is None and is_video(candidate.name):
                    name = names.get(candidate.stem)
                if name is not None:
                    return {'filename': str(root / candidate.parent / name), 'sample_id': str(candidate.parent / name)}
        return None

    def scan(self) -> list[str]:
        """All videos below the roots, as sorted paths below their root."""
        return sorted({path for root in self.roots for path in find_files(root, is_video)})

    def _listing(self, folder: Path) -> dict[str, str]:
        """Full names and stems -> full name; of several files of one stem the first in VIDEO_SUFFIXES' order."""
        if folder not in self._listings:
            names = [name for name in os.listdir(folder) if is_video(name)] if folder.is_dir() else []
            names.sort(key=lambda name: VIDEO_SUFFIXES.index(Path(name).suffix.lower()), reverse=True)
            self._listings[folder] = {Path(name).stem: name for name in names} | {name: name for name in names}
        return self._listings[folder]


class FrameFolderFinder:
    """Finds folders ``image_00001.jpg``, …, ``n_frames`` below the first of ``roots`` that has them.

    A folder without ``n_frames`` is incomplete and counts as missing.
    """

    def __init__(self, roots: Sequence[Path]) -> None:
        self.roots = list(roots)

    def find(self, candidates: Sequence[str]) -> dict | None:
        """As :meth:`VideoFinder.find`; gives ``frame_dir``, ``total_frames``, ``sample_id`` and ``avg_fps``, if known.

        ``frame_times_file`` is there where the frames have times of their own: a line of seconds for each.

        Raises:
            ValueError: ``n_frames`` does not hold a whole number of 0 or more, or ``fps`` a number of 0 or more.
        """
        for candidate in candidates:
            folder = PurePosixPath(candidate).with_suffix('') if is_video(candidate) else PurePosixPath(candidate)
            for root in self.roots:
                total_frames = _read_number(root / folder / NUM_FRAMES_FILE)
                if not total_frames:
                    continue
                if total_frames % 1:
                    raise ValueError(
                        f'{root / folder / NUM_FRAMES_FILE} holds {total_frames}: expected a whole number; write it '
                        'again with the preparation tools'
                    )
                found = {
                    'frame_dir': str(root / folder),
                    'total_frames': int(total_frames),
                    'sample_id': str(folder),
                }
                fps = _read_number(root / folder / FPS_FILE)
                if fps is not None:
                    found['avg_fps'] = fps
                times_file = root / folder / TIMES_FILE
                if times_file.is_file():  # read with the frames, as there may be 100,000 videos
                    found['frame_times_file'] = str(times_file)
                return found
        return None

    def scan(self) -> list[str]:
        """All frame folders below the roots, as sorted paths below their root."""
        return sorted(
            {
                os.path.dirname(path)
                for root in self.roots
                for path in find_files(root, lambda name: name == NUM_FRAMES_FILE)
            }
        )


def _read_number(path: Path) -> float | None:
    try:
        text = read_text(path, max_bytes=1000)
    except NoSuchFile:
        return None
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 <= number <= _LARGEST:
        raise ValueError(
            f'{path} holds {text[:40]!r}: expected one number of 0 or more; write it again with the preparation tools'
        )
    return number
