"""The videos of a training set, as a cached teacher is shown them: all frames, in every spatial view."""

import os
from dataclasses import dataclass

import numpy as np
import torch
from mmengine.config import Config
from torch import Tensor

from kdtoolbox.datasets.clip_dataset import ClipDataset
from kdtoolbox.datasets.transforms import DecodeClip, OpenVideo, SpatialViews
from kdtoolbox.engine.dataset_epoch import datasets_in
from kdtoolbox.registry import DATASETS
from kdtoolbox.teacher_cache.frame_keys import SourceState

FRAMES_DECODED_TOGETHER = 256
"""Bounds the memory for a long video."""


@dataclass(frozen=True)
class OpenedSample:
    """What is known of a video once it is opened."""

    total_frames: int
    source: SourceState
    decoder: str


class VideoSource:
    """The samples of a config's training set by their ids, decoded by its own transforms.

    Args:
        config: its training pipeline has OpenVideo, a sampler, DecodeClip and SpatialViews, in this order.

    Attributes:
        sample_ids: in the order of the data set; each video once.

    Raises:
        ValueError: the data set is not one of kdtoolbox, its pipeline is another, or two videos share a name.
    """

    def __init__(self, config: Config) -> None:
        dataset = DATASETS.build(config.train_dataloader.dataset.to_dict())
        self._places: dict[str, tuple[ClipDataset, int]] = {}
        files: dict[str, str] = {}
        views: dict[str, ClipDataset] = {}
        for part in datasets_in(dataset):
            views.setdefault(_pipeline_of(part)[2].description, part)
            part.full_init()
            for index in range(len(part)):
                info = part.get_data_info(index)
                sample_id, file = info['sample_id'], info.get('frame_dir') or info['filename']
                if files.setdefault(sample_id, file) != file:
                    raise ValueError(
                        f'{files[sample_id]} and {file} have the same sample_id, {sample_id}: a cache needs different '
                        'ones, so give both data sets one data_root above them'
                    )
                self._places.setdefault(sample_id, (part, index))
        if len(views) > 1:
            raise ValueError(f'the training sets have different SpatialViews, {" and ".join(views)}: give them one')
        self.sample_ids = list(self._places)
        self.views: SpatialViews = _pipeline_of(next(iter(views.values())))[2]

    def open(self, sample_id: str) -> OpenedSample:
        """Open a video.

        Raises:
            DecodeError: it does not open.
        """
        results = self._opened(sample_id)
        if 'video_reader' in results:
            results['video_reader'].close()
        return OpenedSample(int(results['total_frames']), SourceState.of(results), results['decoder'])

    def size_of(self, sample_id: str) -> int | None:
        """Bytes of a video's file, as in :class:`SourceState`; None for a folder of frames, or without a file."""
        part, index = self._places[sample_id]
        info = part.get_data_info(index)
        try:
            return None if info.get('frame_dir') else os.stat(info['filename']).st_size
        except OSError:
            return None

    def decoded(self, sample_id: str, frames: range) -> dict:
        """These frames, as DecodeClip gives them.

        Raises:
            DecodeError: a frame cannot be decoded.
        """
        part, _ = self._places[sample_id]
        results = self._opened(sample_id)
        results['frame_inds'] = np.array(frames, np.int32) + results.get('start_index', 0)
        results |= {'clip_len': len(frames), 'frame_interval': 1, 'num_clips': 1}
        return _pipeline_of(part)[1](results)

    def in_view(self, decoded: dict, view: int) -> Tensor:
        """What :meth:`decoded` gave in one spatial view: (1, 3, F, H, W) uint8."""
        # Flips work in place, so each view gets copies.
        images = [image.copy() for image in decoded['imgs']]
        seen = self.views({**decoded, 'imgs': images, 'spatial_view': view})
        return torch.from_numpy(np.stack(seen['imgs'])).permute(3, 0, 1, 2).unsqueeze(0)

    def _opened(self, sample_id: str) -> dict:
        part, index = self._places[sample_id]
        return _pipeline_of(part)[0](part.get_data_info(index))


def _pipeline_of(part: object) -> tuple[OpenVideo, DecodeClip, SpatialViews]:
    transforms = getattr(getattr(part, 'pipeline', None), 'transforms', [])
    wanted = [one for one in transforms if isinstance(one, (OpenVideo, DecodeClip, SpatialViews))]
    kinds = [type(one).__name__ for one in transforms]
    expected = kinds[2:4] == ['DecodeClip', 'SpatialViews'] and kinds[:1] == ['OpenVideo']
    if not isinstance(part, ClipDataset) or not expected or len(wanted) != 3:
        raise ValueError(
            f'a cache is written for a data set of kdtoolbox whose training pipeline begins with OpenVideo, a sampler, '
            f'DecodeClip and SpatialViews; {type(part).__name__} has {", ".join(kinds) or "no transforms"}'
        )
    return transforms[0], transforms[2], transforms[3]
