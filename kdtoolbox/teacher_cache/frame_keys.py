"""The key under which a teacher's outputs for the frames of a clip are stored."""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

META_KEY = 'frame_keys'
"""Meta information of a packed sample: its :class:`FrameKeys`."""


@dataclass(frozen=True)
class FrameKeys:
    """Which frames of which video a clip shows, in which spatial view, and by what they were decoded.

    Args:
        sample_id: of the data set's sample.
        view: number of the spatial view.
        frames: (T,) numbers of the frames in the sample, from 0.
        source: state of the file that they come from.
        decoder: what decoded them, with its version.
        views: description of the spatial views.
    """

    sample_id: str
    view: int
    frames: tuple[int, ...]
    source: 'SourceState'
    decoder: str
    views: str


@dataclass(frozen=True)
class SourceState:
    """What tells cheaply that a video file, or a folder of frames, was changed.

    Args:
        path: the file or folder.
        size: bytes of the file; number of frames of a folder.
        modified_ns: time of its last change.
    """

    path: str
    size: int
    modified_ns: int

    @classmethod
    def of(cls, results: dict) -> 'SourceState':
        """The state of the file of a sample in a pipeline, behind OpenVideo."""
        path = results.get('frame_dir') or results['filename']
        status = os.stat(path)
        size = results['total_frames'] if 'frame_dir' in results else status.st_size
        return cls(str(path), int(size), status.st_mtime_ns)

    def content_hash(self) -> str:
        """SHA-256 of the content of the file, or of all files of the folder in the order of their names."""
        path = Path(self.path)
        digest = hashlib.sha256()
        for file in sorted(path.iterdir()) if path.is_dir() else [path]:
            if file.is_file():
                digest.update(file.name.encode() if path.is_dir() else b'')
                with open(file, 'rb') as stream:
                    while block := stream.read(1 << 20):
                        digest.update(block)
        return digest.hexdigest()


NOISE = FrameKeys('noise', 0, (), SourceState('', 0, 0), '', '')
"""Of a clip of noise, which is in no data set and may have any number of frames."""


def frame_numbers(results: dict) -> tuple[int, ...]:
    """Numbers of the sampled frames in the sample, from 0, of ``results`` behind a sampler."""
    return tuple((np.asarray(results['frame_inds']) - results.get('start_index', 0)).reshape(-1).tolist())
