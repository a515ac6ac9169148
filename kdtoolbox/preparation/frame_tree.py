"""Extracting all videos of a folder to a tree of frame folders, in parallel and resumable."""

from pathlib import Path

from kdtoolbox.preparation.conversion import Conversion, Converted
from kdtoolbox.preparation.extraction import FrameOptions, extract_video
from kdtoolbox.preparation.ffmpeg import Ffmpeg
from kdtoolbox.preparation.frame_folders import is_complete, move_into_place
from kdtoolbox.preparation.layouts import VideoJob, VideoTree


class Extraction(Conversion):
    """The work on one tree of frames."""

    verb, results = 'extract', 'frames'
    settings_name = 'extraction.json'

    def __init__(self, tree: VideoTree, jpg_dir: Path, options: FrameOptions) -> None:
        super().__init__(tree, jpg_dir, options.settings())
        self.options = options

    def convert(self, job: VideoJob, parts: Path, ffmpeg: Ffmpeg) -> Converted:
        return extract_video(job, self.out_dir, parts, ffmpeg=ffmpeg, options=self.options)

    def is_there(self, job: VideoJob) -> bool:
        return is_complete(self.out_dir / job.target, job.video.stat().st_size)

    def place(self, result: Converted) -> None:
        assert result.part is not None, 'only finished folders are ready'
        move_into_place(result.part, self.out_dir / result.job.target)

    def example(self, job: VideoJob) -> str:
        return f'{job.video} -> {self.out_dir / job.target}, ffmpeg {" ".join(self.options.arguments())}'
