"""One shard: a safetensors file with the outputs for the frames of a few videos, and an index in its header.

Each tensor has one row for each stored frame. The rows of a video begin at its ``first_row`` and are ordered by view,
then by frame.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import cast

import safetensors.torch
import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from kdtoolbox.plain_files import parse_json
from kdtoolbox.safe_files import write_bytes_aside
from kdtoolbox.teacher_cache.fetching import fetch_ahead
from kdtoolbox.teacher_cache.top_k import largest_logits

INDEX = 'videos'


@dataclass(frozen=True)
class CachedVideo:
    """What a shard holds of one video.

    Args:
        sample_id: of the data set's sample.
        first_row: of its frames.
        num_frames: number of stored frames, the first ones of the video.
        total_frames: that the video has.
        size: as in :class:`SourceState`.
        modified_ns: likewise.
        sha256: of the content.
        decoder: what decoded it, with its version.
        problem: why frames are missing; empty if none are.
    """

    sample_id: str
    first_row: int
    num_frames: int
    total_frames: int
    size: int
    modified_ns: int
    sha256: str
    decoder: str
    problem: str = ''

    def rows(self, view: int, frames: Sequence[int]) -> list[int]:
        """The rows of these frames in one view."""
        start = self.first_row + view * self.num_frames
        return [start + frame for frame in frames]


def to_stored(outputs: Mapping[str, Tensor], *, top_k: int | None, logits: str) -> dict[str, Tensor]:
    """Outputs of frames, (M, …) float32, as tensors of a shard: float16, and logits maybe as the ``top_k`` largest.

    Args:
        logits: name of the output that ``top_k`` is of.

    Raises:
        ValueError: a value is not finite, or too large for float16.
    """
    stored = {}
    for name, output in outputs.items():
        if top_k is not None and name == logits:
            stored.update({f'{name}.{part}': value for part, value in largest_logits(output, top_k).items()})
        else:
            stored[name] = output
    on_cpu = {name: value.cpu() for name, value in stored.items()}
    halved = {name: value.half() if value.is_floating_point() else value for name, value in on_cpu.items()}
    for name, value in halved.items():
        if value.is_floating_point() and not bool(value.isfinite().all()):
            raise ValueError(
                f"the teacher's {name} has values that are not finite in float16, in which a cache stores them (up to "
                f'65504; the largest is {stored[name].abs().max().item():g}): take another layer, or the live teacher'
            )
    return halved


def write_shard(file: Path, tensors: Mapping[str, Tensor], videos: Sequence[CachedVideo]) -> None:
    """Write a shard beside its place, then move it there.

    Raises:
        ValueError: it cannot be written, such as to a full disk; nothing is left of it then.
    """
    index = json.dumps([asdict(video) for video in videos])
    # One entry of metadata: the library writes several in random order, and the same content would differ in bytes.
    content = safetensors.torch.save({name: tensor.contiguous() for name, tensor in tensors.items()}, {INDEX: index})
    write_bytes_aside(file, content)


class Shard:
    """A shard, memory-mapped: only the pages of rows that are read come into memory.

    Attributes:
        videos: sample id -> what is stored of it.

    Raises:
        ValueError: the file is damaged, found when it is opened or read.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        try:
            with safe_open(file, 'pt') as content:
                index = parse_json(content.metadata()[INDEX], source='its list of videos')
                names = content.keys()
                self.tensors = {name: content.get_tensor(name) for name in names}  # mapped, not read
            self._offsets = _offsets(file)
            self.videos = {video.sample_id: video for video in map(_video, cast(list, index))}
        except (SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
            raise self._damaged(error) from error

    def rows(self, rows: Sequence[int]) -> dict[str, Tensor]:
        """Copies of some rows of all tensors."""
        chosen = torch.tensor(rows)
        try:
            return {name: tensor[chosen] for name, tensor in self.tensors.items()}
        except IndexError as error:
            raise self._damaged(error) from error

    def read(
        self, names: Collection[str], rows: Sequence[int], tokens: Mapping[str, Tensor] | None = None
    ) -> dict[str, Tensor]:
        """Copies of some rows of some tensors, and of nothing else: the system is told before what will be read.

        Args:
            names: of tensors.
            rows: M of them.
            tokens: name -> (M, L) boolean, for tensors (rows, L, ...) of which these tokens alone are read.

        Returns:
            name -> (M, ...); of those in ``tokens`` (number of tokens, ...), in their order.
        """
        parts = {name: self._part(name, rows, (tokens or {}).get(name)) for name in names}
        fetch_ahead(self.file, [(self._offsets[name], part, places) for name, (part, places) in parts.items()])
        try:
            return {name: part.index_select(0, places) for name, (part, places) in parts.items()}
        except IndexError as error:
            raise self._damaged(error) from error

    def _part(self, name: str, rows: Sequence[int], wanted: Tensor | None) -> tuple[Tensor, Tensor]:
        """A tensor, of which some elements are to be read, and their numbers."""
        tensor, numbers = self.tensors[name], torch.tensor(rows)
        if wanted is None:
            return tensor, numbers
        if tensor.dim() < 2 or tensor.shape[1] != wanted.shape[1]:
            raise self._damaged(IndexError(f'{name} is {tuple(tensor.shape)}, expected {wanted.shape[1]} tokens a row'))
        return tensor.flatten(0, 1), (numbers[:, None] * tensor.shape[1] + torch.arange(tensor.shape[1]))[wanted]

    def _damaged(self, error: Exception) -> ValueError:
        return ValueError(
            f'{self.file} is damaged ({error}): delete it, and run kdtoolbox cache CONFIG again, which writes it'
        )


def _offsets(file: Path) -> dict[str, int]:
    """Where each tensor begins in a file that safetensors has opened: behind the header and its length."""
    with open(file, 'rb') as stream:
        length = int.from_bytes(stream.read(8), 'little')
        header = cast(dict, parse_json(stream.read(length).decode(), source='its header'))
    return {name: 8 + length + one['data_offsets'][0] for name, one in header.items() if name != '__metadata__'}


def _video(entry: Mapping) -> CachedVideo:
    video = CachedVideo(**entry)
    for field in fields(video):
        value = getattr(video, field.name)
        if type(value) is not field.type or (field.type is int and value < 0):
            raise ValueError(f'{field.name} {str(value)[:60]!r}')
    return video
