"""The view of a cached teacher: keys of frames instead of pixels."""

from collections.abc import Sequence
from dataclasses import dataclass

from mmengine.structures import BaseDataElement
from torch import Tensor

from kdtoolbox.teacher_cache.frame_keys import META_KEY, NOISE, FrameKeys
from kdtoolbox.views import View


@dataclass(frozen=True)
class CachedFrames:
    """The input of a cached teacher.

    Args:
        keys: N of them; :data:`NOISE` for a clip that is in no data set.
        clips: (N, 3, T, H, W), for a teacher that computes what is missing; not rendered yet.
        frame_stride: of the teacher's view.
    """

    keys: tuple[FrameKeys, ...]
    clips: Tensor
    frame_stride: int

    @property
    def shape(self) -> tuple[int, int]:
        """(N, T')."""
        return len(self.keys), -(-self.clips.shape[2] // self.frame_stride)

    def __len__(self) -> int:
        return len(self.keys)

    def __getitem__(self, clips: slice) -> 'CachedFrames':
        return CachedFrames(self.keys[clips], self.clips[clips], self.frame_stride)

    def frames_of(self, clip: int) -> list[int]:
        """The (T',) numbers of the frames that the teacher sees of one clip."""
        return list(self.keys[clip].frames[:: self.frame_stride])


@dataclass(frozen=True)
class CachedView(View):
    """The view of the teacher whose outputs are cached; it passes the keys of the frames on, and renders nothing."""

    def inputs_of(self, clips: Tensor, samples: Sequence[BaseDataElement]) -> CachedFrames:  # type: ignore[override]
        """The keys of the frames that the samples show.

        Raises:
            ValueError: a sample has none, or for another number of frames than the clip has.
        """
        keys = [sample.metainfo.get(META_KEY) for sample in samples]
        for key in keys:
            if not isinstance(key, FrameKeys):
                raise ValueError(
                    'a training sample does not tell which frames it shows, which a CachedTeacher looks up: put '
                    'SpatialViews behind DecodeClip in the training pipeline, and end it with '
                    f"PackActionInputs(meta_keys=('sample_id', 'role', '{META_KEY}'))"
                )
            if key != NOISE and len(key.frames) != clips.shape[2]:
                raise ValueError(
                    f'{key.sample_id}: the clip has {clips.shape[2]} frames, but its keys are of {len(key.frames)}: '
                    'expected one clip with num_clips=1, and no transform behind SpatialViews that drops frames'
                )
        return CachedFrames(tuple(keys), clips, self.frame_stride)
