"""What is in a folder of videos: how long they are, which cannot be read, which are there twice."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from statistics import median

from kdtoolbox.datasets.locating import FrameFolderFinder
from kdtoolbox.preparation.parallel import in_parallel, num_cores
from kdtoolbox.recipes.video_labels import WITHOUT_LABEL
from kdtoolbox.safe_files import sha256_of
from kdtoolbox.terminal import Progress
from kdtoolbox.video import DecodeError, VideoReader
from kdtoolbox.video_files import find_files, is_video

MIN_FRAMES = 2  # one frame is a picture


@dataclass(frozen=True)
class VideoFacts:
    """A video that can be read.

    Args:
        name: path below the folder.
        num_frames: that it shows.
        frames_per_second: its rate; 0 where frames have none.
    """

    name: str
    num_frames: int
    frames_per_second: float


@dataclass(frozen=True)
class Survey:
    """A folder of videos, or of folders of frames.

    Args:
        root: the folder.
        videos: those to learn from, by name.
        left_out: name -> why.
        are_frames: these are folders of frames, as ``kdtoolbox prepare`` writes them.
    """

    root: Path
    videos: list[VideoFacts]
    left_out: dict[str, str] = field(default_factory=dict)
    are_frames: bool = False

    @property
    def median_frames(self) -> int:
        """Of a video."""
        return round(median(video.num_frames for video in self.videos))

    @property
    def median_rate(self) -> float:
        """Frames a second; 25 where it is not known."""
        return median(video.frames_per_second or 25.0 for video in self.videos)

    def num_shorter_than(self, frames: int) -> int:
        """How many videos have fewer frames."""
        return sum(video.num_frames < frames for video in self.videos)

    def report(self) -> str:
        """A line for each video that is left out, as a table of tab-separated values."""
        return ''.join(f'{name}\t{reason}\n' for name, reason in [('video', 'reason'), *sorted(self.left_out.items())])


def survey_videos(root: str | Path) -> Survey:
    """Open every video below a folder once, however deep, and find those that are the same file again.

    Left out are videos that cannot be read, those of one frame, and second copies, byte by byte.

    Raises:
        ValueError: there is no such folder, it holds no videos, or none that can be read.
    """
    root = without_dots(Path(root).expanduser())
    if not root.is_dir():
        raise ValueError(f'{root}: there is no such folder of videos')
    names = find_files(root, is_video)
    if not names:
        return _survey_frames(root)
    videos, left_out = _open_all(root, names)
    for copy, first in _copies(root, [video.name for video in videos]).items():
        left_out[copy] = f'the same file as {first}'
    return _survey(root, videos, left_out, are_frames=False)


def without_dots(path: Path) -> Path:
    """The absolute path, without ``..``: as it is written to a config, for people to read.

    Symbolic links stay as they are named, unless ``..`` has to be resolved.
    """
    return path.resolve() if '..' in path.parts else path.absolute()


def _survey_frames(root: Path) -> Survey:
    finder = FrameFolderFinder([root])
    names = finder.scan()
    if not names:
        raise ValueError(
            f'{root} holds no videos, nor do the folders in it. Frames are found where kdtoolbox prepare wrote them: '
            'image_00001.jpg … and n_frames in a folder for each video'
        )
    found = {name: finder.find([name]) for name in names}
    videos = [
        VideoFacts(name, one['total_frames'], one.get('avg_fps') or 0.0)
        for name, one in found.items()
        if one is not None
    ]
    return _survey(root, videos, {}, are_frames=True)


def _survey(root: Path, videos: Sequence[VideoFacts], left_out: dict[str, str], *, are_frames: bool) -> Survey:
    for video in videos:
        if video.num_frames < MIN_FRAMES:
            left_out.setdefault(video.name, 'a single frame')
    kept = [video for video in videos if video.name not in left_out]
    if not kept:
        name, reason = next(iter(left_out.items()))
        raise ValueError(f'none of the {len(left_out)} videos of {root} can be used; the first, {name}: {reason}')
    return Survey(root, sorted(kept, key=lambda video: video.name), left_out, are_frames)


def _open_all(root: Path, names: Sequence[str]) -> tuple[list[VideoFacts], dict[str, str]]:
    videos, left_out = [], {}
    progress = Progress(len(names), what='videos opened')
    for name, answer in in_parallel(lambda name: (name, _open(root / name, name)), names, num_workers=num_cores()):
        progress.update()
        if isinstance(answer, VideoFacts):
            videos.append(answer)
        else:
            left_out[name] = answer
    progress.close()
    return videos, left_out


def _open(file: Path, name: str) -> VideoFacts | str:
    try:
        reader = VideoReader(file)
        reader.frames([0])
        facts = VideoFacts(name, len(reader), reader.frames_per_second)
        reader.close()
    except DecodeError as error:
        return str(error)
    return facts


def _has_no_class(name: str) -> bool:
    folders = PurePosixPath(name).parts[:-1]
    return not folders or not WITHOUT_LABEL.isdisjoint(folder.lower() for folder in folders)


def _copies(root: Path, names: Sequence[str]) -> dict[str, str]:
    """Name of a second copy -> name of the first; only files of one size are compared.

    The first is one in a class folder, if there is any: what it says is kept.
    """
    by_size: dict[int, list[str]] = defaultdict(list)
    for name in sorted(names, key=lambda name: (_has_no_class(name), name)):
        by_size[(root / name).stat().st_size].append(name)
    copies = {}
    for alike in by_size.values():
        first: dict[str, str] = {}
        for name in alike if len(alike) > 1 else ():
            digest = sha256_of(root / name)
            if digest in first:
                copies[name] = first[digest]
            first.setdefault(digest, name)
    return copies
