"""The files of a teacher cache: ``cache.json`` and one ``shard-00000.safetensors`` for each group of videos."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from kdtoolbox.plain_files import read_json
from kdtoolbox.safe_files import write_aside

FORMAT = 'kdtoolbox.teacher_cache/1'
MAX_VIDEOS_PER_SHARD = 32
MIN_SHARDS = 16
"""So many processes can share even a small data set."""


@dataclass(frozen=True)
class CacheSettings:
    """The content of ``cache.json``.

    Args:
        teacher: what the outputs depend on: model, hash of the weights, size, mean, std …
        views: description of the spatial views.
        num_views: of each video.
        outputs: name -> shape of one frame's output, for each stored output.
        top_k: number of logits that are stored of each frame; None stores all.
        videos: sample ids in the order in which they are put into shards.
        videos_per_shard: number of videos in one file.
    """

    teacher: dict
    views: str
    num_views: int
    outputs: dict[str, list[int]]
    top_k: int | None
    videos: list[str]
    videos_per_shard: int

    @property
    def num_shards(self) -> int:
        """Number of files of a complete cache."""
        return -(-len(self.videos) // self.videos_per_shard)

    def videos_of(self, shard: int) -> Sequence[str]:
        """The sample ids of one shard."""
        return self.videos[shard * self.videos_per_shard : (shard + 1) * self.videos_per_shard]


def videos_per_shard(num_videos: int) -> int:
    """The number of videos in one file.

    >>> videos_per_shard(3570), videos_per_shard(40)
    (32, 3)
    """
    return max(1, min(MAX_VIDEOS_PER_SHARD, -(-num_videos // MIN_SHARDS)))


def settings_file(folder: Path) -> Path:
    """The file of the settings."""
    return folder / 'cache.json'


def shard_file(folder: Path, shard: int) -> Path:
    """The file of one shard; it is complete or absent."""
    return folder / f'shard-{shard:05}.safetensors'


def lock_file(folder: Path, shard: int) -> Path:
    """The file that a process locks while it writes a shard."""
    return folder / 'locks' / f'{shard:05}'


def save_settings(settings: CacheSettings, folder: Path) -> None:
    """Write ``cache.json``."""
    write_aside(settings_file(folder), json.dumps({'format': FORMAT, **asdict(settings)}))


def load_settings(folder: Path) -> CacheSettings:
    """Read ``cache.json``.

    Raises:
        ValueError: there is none, or it is not one of this version.
    """
    file = settings_file(folder)
    if not file.is_file():
        raise ValueError(f'there is no teacher cache in {folder}: write it first, kdtoolbox cache CONFIG')
    content = read_json(file)
    if not isinstance(content, Mapping) or content.get('format') != FORMAT:
        found = content.get('format') if isinstance(content, Mapping) else type(content).__name__
        raise ValueError(f'{file} is of the format {found!r}, expected {FORMAT!r}: write the cache again')
    try:
        settings = CacheSettings(**{name: value for name, value in content.items() if name != 'format'})
    except TypeError as error:
        raise ValueError(f'{file} is damaged: {error}. Write the cache again') from error
    if unfit := _unfit(settings):
        raise ValueError(f'{file} is damaged: {unfit} {str(getattr(settings, unfit))[:60]!r}. Write the cache again')
    return settings


def _unfit(settings: CacheSettings) -> str | None:
    """The name of a setting that is none; None where all are."""
    shapes = settings.outputs.values() if isinstance(settings.outputs, dict) else [None]
    fits = {
        'teacher': isinstance(settings.teacher, dict),
        'views': isinstance(settings.views, str),
        'num_views': _is_count(settings.num_views),
        'outputs': all(isinstance(shape, list) and all(map(_is_count, shape)) for shape in shapes),
        'top_k': settings.top_k is None or _is_count(settings.top_k),
        'videos': isinstance(settings.videos, list) and all(isinstance(name, str) for name in settings.videos),
        'videos_per_shard': _is_count(settings.videos_per_shard),
    }
    return next((name for name, is_fit in fits.items() if not is_fit), None)


def _is_count(value: object) -> bool:
    return type(value) is int and 0 < value < 2**31
