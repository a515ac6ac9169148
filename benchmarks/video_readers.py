"""The readers that right_frames.py and loading.py set side by side: ours, decord, mmaction2's loading, torchcodec."""

import importlib.metadata
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

OURS, DECORD, MMACTION2, TORCHCODEC = 'kdtoolbox', 'decord', 'mmaction2', 'torchcodec exact'
BY_OUR_INDEX = "torchcodec by kdtoolbox's index"


class OurReader:
    """What OpenVideo and DecodeClip use."""

    def __init__(self, path: str) -> None:
        from kdtoolbox.video import VideoReader

        self.reader = VideoReader(path)

    def __len__(self) -> int:
        return len(self.reader)

    def frames(self, numbers: Sequence[int]) -> list[np.ndarray]:
        return self.reader.frames(numbers)


class Decord:
    """decord, frame by frame."""

    def __init__(self, path: str) -> None:
        import decord

        self.reader = decord.VideoReader(path, num_threads=1)

    def __len__(self) -> int:
        return len(self.reader)

    def frames(self, numbers: Sequence[int]) -> list[np.ndarray]:
        return [self.reader[number].asnumpy() for number in numbers]


class MMAction2:
    """DecordInit and DecordDecode of mmaction2, as in its configs."""

    def __init__(self, path: str) -> None:
        from mmaction.datasets.transforms import DecordDecode, DecordInit

        self.results = DecordInit(num_threads=1)(dict(filename=path))
        self.decode = DecordDecode()

    def __len__(self) -> int:
        return self.results['total_frames']

    def frames(self, numbers: Sequence[int]) -> list[np.ndarray]:
        return self.decode(dict(self.results, frame_inds=np.array(numbers)))['imgs']


class TorchCodec:
    """torchcodec's exact mode, which lists all packets before the first frame."""

    def __init__(self, path: str) -> None:
        from torchcodec.decoders import VideoDecoder

        self.reader = VideoDecoder(path, seek_mode='exact', num_ffmpeg_threads=1, dimension_order='NHWC')

    def __len__(self) -> int:
        return len(self.reader)

    def frames(self, numbers: Sequence[int]) -> list[np.ndarray]:
        return list(self.reader.get_frames_at(list(numbers)).data.numpy())


class TorchCodecByOurIndex(OurReader):
    """What OpenVideo and DecodeClip use with decoder='torchcodec'."""

    def __init__(self, path: str) -> None:
        from kdtoolbox.video.torchcodec_reader import TorchCodecReader

        self.reader = TorchCodecReader(path)


READERS: dict[str, Callable[[str], object]] = {
    OURS: OurReader,
    DECORD: Decord,
    MMACTION2: MMAction2,
    TORCHCODEC: TorchCodec,
    BY_OUR_INDEX: TorchCodecByOurIndex,
}


def available_readers() -> list[str]:
    """Those that import here; torchcodec is no dependency, and needs FFmpeg's libraries on the machine."""
    from kdtoolbox.video.torchcodec_reader import torchcodec_imports

    names = [OURS, DECORD, MMACTION2]
    return [*names, TORCHCODEC, BY_OUR_INDEX] if torchcodec_imports() else names


def versions() -> dict[str, str]:
    """Of the libraries that are compared."""
    found = {}
    for name in ('av', 'decord', 'mmaction2', 'torchcodec'):
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def videos_of(places: Sequence[Path]) -> dict[str, list[Path]]:
    """Name of each place -> the videos in it, a folder or a file."""
    from kdtoolbox.video_files import is_video

    return {
        place.name: sorted(
            path for path in (place.rglob('*') if place.is_dir() else [place]) if is_video(path.name) and path.is_file()
        )
        for place in places
    }
