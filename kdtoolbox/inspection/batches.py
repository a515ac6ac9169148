"""Checks of batch sizes and clip lengths."""

from collections.abc import Iterator, Sized
from typing import NamedTuple, cast

from mmengine.dataset import InfiniteSampler
from torch import nn
from torch.utils.data import BatchSampler, DataLoader, Dataset

from kdtoolbox.inspection.data_sets import info_of, parts_of, size_of
from kdtoolbox.inspection.findings import Finding, error
from kdtoolbox.method_card import cards
from kdtoolbox.video.errors import DecodeError

NUM_VIDEOS = 3


class BatchNeeds(NamedTuple):
    """How many clips a loss needs: in all processes together, and in each."""

    name: str
    loss: nn.Module
    clips: int
    clips_of_a_process: int
    shapes_are_known: bool


def batch_needs(model: nn.Module) -> Iterator[BatchNeeds]:
    """Of every term of a distiller, and of the loss between the peers of mutual learning."""
    criterion = getattr(model, 'criterion', None)
    for term in criterion.terms.values() if criterion is not None else ():
        yield BatchNeeds(
            f'term {term.name!r}', term.loss, term.min_batch_size, term.min_clips_of_a_process, bool(term.shapes)
        )
    mutual = getattr(model, 'mutual_loss', None)
    if mutual is not None:
        clips, elements = (
            max((getattr(card, least) for card in cards(mutual)), default=1)
            for least in ('min_batch_size', 'min_elements')
        )
        yield BatchNeeds('the loss between peers', mutual, clips, elements, shapes_are_known=True)


def small_batches(model: nn.Module, loader: DataLoader, *, num_processes: int) -> Iterator[Finding]:
    """Batches with fewer clips than a loss compares with one another, or takes statistics over."""
    needs = list(batch_needs(model))
    for num_clips, fix in _smallest_batches(loader):
        for need in needs:
            if num_clips * num_processes < need.clips:
                yield error(
                    f'{need.name}: {type(need.loss).__name__} compares the clips of a batch with one '
                    f'another and needs {need.clips} or more, but {fix[0]} {num_clips} in each of '
                    f'{num_processes} process(es): {fix[1]}'
                )
            elif num_clips < need.clips_of_a_process:
                shapes = ', or clip_shape=(T, H, W) of the distiller if it compares maps'
                yield error(
                    f'{need.name}: {type(need.loss).__name__} takes statistics over the clips of a batch and '
                    f'needs {need.clips_of_a_process} or more in each process, but {fix[0]} {num_clips}: '
                    f'{fix[1]}{"" if need.shapes_are_known else shapes}'
                )


def clips_longer_than_videos(dataset: Dataset) -> Iterator[Finding]:
    """Clips that span more frames than there are, so that frames are repeated."""
    for part in parts_of(dataset):
        transforms = getattr(getattr(part, 'pipeline', None), 'transforms', ())
        sampler = next((one for one in transforms if hasattr(one, 'clip_len')), None)
        if sampler is None or not size_of(part):
            continue
        interval = getattr(sampler, 'frame_interval', None) or getattr(sampler, 'frame_stride', None) or 1
        span = (sampler.clip_len - 1) * interval + 1
        before = transforms[: list(transforms).index(sampler)]
        lengths = []
        for number in range(min(NUM_VIDEOS, size_of(part))):
            info = info_of(part, number * size_of(part) // NUM_VIDEOS)
            try:
                for transform in before:
                    info = transform(info)
            except DecodeError:  # the training says so, and takes another
                continue
            lengths.append(info.get('total_frames', span))
        if max(lengths, default=span) < span:
            yield Finding(
                f'a clip of {sampler.clip_len} frames, every {interval}, spans {span}, but the videos that were looked '
                f'at have {", ".join(map(str, lengths))}: their frames are repeated. Set a smaller clip_len or '
                'frame_interval'
            )


def _smallest_batches(loader: DataLoader) -> list[tuple[int, tuple[str, str]]]:
    """Number of clips of a full batch and of the last one of an epoch, each with where it comes from and the fix."""
    sampler = loader.batch_sampler
    if not isinstance(sampler, BatchSampler):  # one of a user's own does not tell
        return []
    full = (sampler.batch_size, ('a batch has', 'set a larger train_dataloader.batch_size'))
    rest = len(cast(Sized, sampler.sampler)) % sampler.batch_size
    if sampler.drop_last or not rest or isinstance(sampler.sampler, InfiniteSampler):
        return [full]
    return [full, (rest, ('the last batch of an epoch has', 'set train_dataloader.drop_last=True'))]
