"""A fixed number of crops and flips of each video."""

import hashlib
import json
from collections.abc import Mapping, Sequence

import numpy as np
from mmcv.transforms import BaseTransform

from kdtoolbox.datasets.seeding import seeded
from kdtoolbox.registry import TRANSFORMS
from kdtoolbox.teacher_cache.frame_keys import META_KEY, FrameKeys, SourceState, frame_numbers


@TRANSFORMS.register_module()
class SpatialViews(BaseTransform):
    """Apply spatial transforms so that each video has ``num_views`` results, of which one is drawn each time.

    The random numbers of the transforms depend on (``seed``, ``sample_id``, view) alone, so a view of a video has the
    same crop and flip in every epoch and every run: what a teacher says about its frames can be stored, see
    :class:`CachedTeacher`. The view is drawn with the pipeline's own random numbers, which depend on the run's seed,
    the epoch and the sample.

    Goes behind DecodeClip. A cached teacher sees what comes out of here; what comes behind it, the student alone.

    Sets ``frame_keys``, to be packed as meta information. With the key ``spatial_view`` in its input, the number of
    the view is that.

    Args:
        transforms: configs of transforms that do the same to every frame: crops, resizing, flips.
        num_views: number of views of each video.
        seed: of the views; another one gives other crops and flips.

    Raises:
        ValueError: ``num_views`` is below 1, or OpenVideo is not in front of it.
    """

    def __init__(self, transforms: Sequence[Mapping], *, num_views: int, seed: int = 0) -> None:
        if num_views < 1:
            raise ValueError(f'SpatialViews(num_views={num_views}): expected 1 or more')
        self.num_views = num_views
        self.seed = seed
        self.transforms = [TRANSFORMS.build(dict(config)) for config in transforms]
        configs = [dict(config) for config in transforms]
        described = {'num_views': num_views, 'seed': seed, 'transforms': configs}
        self.description = json.dumps(described, sort_keys=True, default=str)  # a dumped config has another order

    def transform(self, results: dict) -> dict:
        view = results.pop('spatial_view', None)
        if view is None:
            view = int(np.random.randint(self.num_views))
        if 'decoder' not in results or 'sample_id' not in results:
            raise ValueError(
                'SpatialViews got a clip that does not tell its sample_id and decoder: it is for the data sets of '
                'kdtoolbox, in a pipeline that begins with OpenVideo'
            )
        with seeded(self.seed, number_of(results['sample_id']), view):
            for transform in self.transforms:
                results = transform(results)
        results[META_KEY] = FrameKeys(
            sample_id=results['sample_id'],
            view=view,
            frames=frame_numbers(results),
            source=SourceState.of(results),
            decoder=results['decoder'],
            views=self.description,
        )
        return results


def number_of(sample_id: str) -> int:
    """A number for a name, the same in every process.

    >>> number_of('a/b.avi')
    1892710437839280929
    """
    return int.from_bytes(hashlib.sha256(sample_id.encode()).digest()[:8], 'big')
