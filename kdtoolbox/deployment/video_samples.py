"""Videos that a student is to look at: files, folders of them, windows of long ones; read as in its tests."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from torch.utils.data import DataLoader, Dataset

from kdtoolbox.datasets.locating import FRAME_NAME, FrameFolderFinder
from kdtoolbox.deployment.preprocessing import build_pipeline
from kdtoolbox.preparation.parallel import num_cores
from kdtoolbox.video import DecodeError, VideoReader
from kdtoolbox.video_files import find_files, is_video

NO_LABEL = -1


@dataclass(frozen=True)
class VideoPart:
    """A video, or a part of one.

    Args:
        name: to call it by: its path below the folder that was given.
        file: the video, or its folder of frames.
        seconds: (start, end) of the part; None is all of it.
    """

    name: str
    file: Path
    seconds: tuple[float, float] | None = None


def find_videos(places: str | Path | Iterable[str | Path]) -> list[VideoPart]:
    """The videos that are meant by files and folders: all in a folder, however deep; of frames where it has no videos.

    Raises:
        ValueError: there is none in a folder. A file that is not there is found out when it is opened.
    """
    places = [places] if isinstance(places, (str, Path)) else list(places)
    found = []
    for place in map(Path, places):
        if not place.is_dir():
            found.append(VideoPart(str(place), place))
            continue
        names = find_files(place, is_video)
        frames = [] if names else FrameFolderFinder([place]).scan()
        if not names and not frames:
            raise ValueError(
                f'{place} holds no videos, nor do the folders in it. Frames are found where kdtoolbox prepare '
                'wrote them'
            )
        begin = '' if len(places) == 1 else f'{place}/'  # two folders may have videos of one name
        found += [VideoPart(f'{begin}{name}', place / name) for name in names or frames]
    return found


def windows(video: VideoPart, *, seconds: float, stride_seconds: float) -> list[VideoPart]:
    """A video's windows of equal length, the last one at its very end; all of a video that is shorter.

    Raises:
        DecodeError: it cannot be opened.
        ValueError: a length is not above 0.
    """
    if seconds <= 0 or stride_seconds <= 0:
        raise ValueError(f'a window of {seconds} s every {stride_seconds} s: expected numbers above 0')
    reader = VideoReader(video.file)
    begin, end = float(reader.seconds[0]), float(reader.seconds[-1]) + 1 / reader.frames_per_second
    reader.close()
    if end - begin <= seconds:
        return [VideoPart(video.name, video.file, (begin, end))]
    starts = [float(start) for start in np.arange(begin, end - seconds + 1e-6, stride_seconds)]
    if starts[-1] + seconds < end - 1e-6:
        starts.append(end - seconds)
    ends = [(round(start, 6), round(start + seconds, 6)) for start in starts]
    return [VideoPart(video.name, video.file, both) for both in ends]


class VideoSamples(Dataset):
    """Samples of videos in a pipeline of tests; one that does not decode gives the reason instead.

    Args:
        parts: the videos.
        pipeline: of transforms, that ends with ``PackActionInputs``.
    """

    def __init__(self, parts: Sequence[VideoPart], pipeline: Sequence[Mapping]) -> None:
        self.parts = list(parts)
        self.pipeline = build_pipeline(pipeline, what='the student')

    def __len__(self) -> int:
        return len(self.parts)

    def __getitem__(self, index: int) -> dict:
        part = self.parts[index]
        info = {'label': NO_LABEL, 'modality': 'RGB', 'sample_id': part.name, 'role': '', 'start_index': 0}
        if part.seconds is not None:
            info['segment_seconds'] = part.seconds
        try:
            packed = self.pipeline(info | _source(part.file))
            packed = {name: packed[name] for name in ('inputs', 'data_samples')}
        except (DecodeError, OSError) as error:
            return {'index': index, 'error': str(error)}
        except Exception as error:  # whatever somebody's preprocessing.json makes of a clip
            raise ValueError(f"{part.file}: the student's pipeline fails on it ({_first_line(error)})") from error
        return {'index': index, **packed}


def loader_of(samples: VideoSamples, *, batch_size: int, num_workers: int | None) -> DataLoader:
    """Batches of samples, in order, as lists.

    Args:
        num_workers: processes that decode; None is a few where there are many videos.
    """
    if num_workers is None:
        num_workers = min(4, num_cores(), len(samples) // 4)
    return DataLoader(samples, batch_size=batch_size, num_workers=num_workers, collate_fn=list)


def _first_line(error: Exception) -> str:
    return f'{type(error).__name__}: {error}'.splitlines()[0][:300]


def _source(file: Path) -> dict:
    """What a pipeline is given of a video, or of a folder of frames."""
    if not file.is_dir():
        if not file.is_file():
            raise DecodeError(f'{file}: no such file')
        return {'filename': str(file)}
    found = FrameFolderFinder([file.parent]).find([file.name])
    if found is None:
        raise DecodeError(f'{file} is a folder without frames and n_frames')
    return {**found, 'filename_tmpl': FRAME_NAME, 'start_index': 1}
