"""How much of a teacher cache is written."""

from dataclasses import dataclass
from pathlib import Path

from kdtoolbox.teacher_cache.layout import CacheSettings, load_settings, shard_file
from kdtoolbox.teacher_cache.shards import Shard


@dataclass(frozen=True)
class Coverage:
    """What a cache holds.

    Args:
        settings: of the cache.
        num_shards: number of shards that are written.
        num_videos: number of videos in them of which frames are stored.
        num_frames: number of frames of these videos; each is stored in every view.
        num_bytes: size of the files.
        problems: sample id -> why frames of it are missing.
    """

    settings: CacheSettings
    num_shards: int
    num_videos: int
    num_frames: int
    num_bytes: int
    problems: dict[str, str]

    @property
    def is_complete(self) -> bool:
        """Whether all shards are written; videos that do not decode may still lack frames."""
        return self.num_shards == self.settings.num_shards

    def lines(self) -> list[str]:
        """The facts as lines of text."""
        settings = self.settings
        stored = ', '.join(f'{name} {"x".join(map(str, shape))}' for name, shape in settings.outputs.items())
        top_k = '' if settings.top_k is None else f' (the {settings.top_k} largest logits)'
        teacher = ', '.join(f'{key} {value}' for key, value in settings.teacher.items() if value is not None)
        return [
            f'{self.num_shards} of {settings.num_shards} shards, {self.num_videos} of {len(settings.videos)} videos, '
            f'{self.num_frames} frames in {settings.num_views} views, {self.num_bytes / 1e6:.1f} MB',
            f'of each frame: {stored}{top_k}, float16',
            f'teacher: {teacher}',
            f'spatial views: {settings.views}',
            *(f'{sample_id}: {problem}' for sample_id, problem in self.problems.items()),
        ]


def coverage(folder: Path) -> Coverage:
    """What the cache in ``folder`` holds.

    Raises:
        ValueError: there is none, or a shard is damaged.
    """
    settings = load_settings(folder)
    files = [file for number in range(settings.num_shards) if (file := shard_file(folder, number)).is_file()]
    videos = [video for file in files for video in Shard(file).videos.values()]
    return Coverage(
        settings,
        num_shards=len(files),
        num_videos=sum(video.num_frames > 0 for video in videos),
        num_frames=sum(video.num_frames for video in videos),
        num_bytes=sum(file.stat().st_size for file in files),
        problems={video.sample_id: video.problem for video in videos if video.problem},
    )
