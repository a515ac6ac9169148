"""A teacher whose outputs for single frames were computed once, by ``kdtoolbox cache``, and are read from disk."""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import fields
from pathlib import Path

import torch
from torch import Tensor, nn

from kdtoolbox.criterion.network_runs import teacher_classifier
from kdtoolbox.registry import MODELS
from kdtoolbox.taps import Taps
from kdtoolbox.teacher_cache import CachedFrames, CachedView, MissingFrames, TeacherCache
from kdtoolbox.teacher_cache.frame_keys import NOISE
from kdtoolbox.teachers.frame_by_frame import FrameTeacher
from kdtoolbox.teachers.frozen import FrozenTeacher
from kdtoolbox.teachers.probe import fingerprint
from kdtoolbox.views import View

WHEN_MISSING = ('error', 'live')


def behind_a_cache(teacher: Mapping) -> Mapping:
    """The config behind a :class:`CachedTeacher`, which has the training clips alone; others as they are."""
    return teacher['teacher'] if MODELS.get(teacher['type']) is CachedTeacher else teacher


@MODELS.register_module()
class CachedTeacher(FrozenTeacher):
    """A teacher of single frames that is looked up instead of run; the outputs are its own within float16.

    Any sampling of frames, ``frame_stride`` and pooling of the teacher is served, because what is stored is the outputs
    for single frames. The training pipeline needs ``SpatialViews``, which shows each video in a fixed number of crops
    and flips; the cache holds each of them. ``kdtoolbox cache CONFIG`` writes the cache of the same config.

    The teacher is built to compare its weights with those that the cache was made with, and dropped then, unless it is
    to run for clips that the cache lacks.

    Args:
        teacher: config of an ImageTeacher, an EmbeddingTeacher, or another :class:`FrameTeacher`.
        cache: folder of the cache.
        taps: module paths of the teacher's network whose outputs are stored too, and ``'class_attention'`` for
            AttentionTokens; its logits and features always are.
        top_k: number of logits that are stored of each frame; the remaining probability is spread evenly over the
            other classes. None stores all.
        missing: for a clip whose frames the cache lacks, ``'error'``, or ``'live'`` to run the teacher on it.

    Raises:
        ValueError: the teacher mixes frames, there is no cache, or it was made with another teacher.
    """

    def __init__(
        self,
        teacher: Mapping,
        *,
        cache: str,
        taps: Sequence[str] = (),
        top_k: int | None = None,
        missing: str = 'error',
    ) -> None:
        if missing not in WHEN_MISSING:
            raise ValueError(f'CachedTeacher missing={missing!r}: expected one of {", ".join(map(repr, WHEN_MISSING))}')
        live = build_frame_teacher(teacher)
        nn.Module.__init__(self)
        self.cache = TeacherCache(Path(cache).expanduser())
        self.cache.check_teacher(teacher_identity(live, teacher, taps=taps, top_k=top_k))
        self.missing = missing
        self.view = CachedView(**{one.name: getattr(live.view, one.name) for one in fields(View)})
        self.compute_dtype = live.compute_dtype
        self.pooling = getattr(live, 'pooling', None)
        self.probe_classes = getattr(live, 'probe_classes', None)
        self.classes = getattr(live, 'classes', None)
        self.trained_classes = live.trained_classes
        self.network, self.classifier = nn.Identity(), None
        self.probe = _classifier_or_none(live)  # for losses that ask for the teacher's classifier
        self.outputs_without_path = live.outputs_without_path
        self.live = live
        if missing == 'error':
            live.network = nn.Identity()  # its weights have done their duty
            live.taps = Taps(live.network, (), classifier=None, owner='teacher')
        self.listen(())
        self.eval()

    @staticmethod
    def check_clip_size(clip_size: object) -> None:
        """Check that clips are shown to the student as the cache knows them.

        Raises:
            ValueError: the distiller resizes them after their pipeline.
        """
        if clip_size is not None:
            raise ValueError(
                f'clip_size={clip_size} resizes clips after their pipeline, but the cache of a CachedTeacher is of '
                'clips as the pipeline gives them: leave clip_size out, and end the crops of SpatialViews with '
                'Resize(keep_ratio=False)'
            )

    def listen(self, paths: Iterable[str]) -> None:
        """Set the outputs that are looked up.

        Raises:
            ValueError: one is not stored.
        """
        self.listened = frozenset(paths)
        stored = self.cache.settings.outputs
        self._needed = sorted(self.live.needed_for(self.listened) if self.listened else stored)
        if lacking := [name for name in self._needed if name not in stored]:
            raise ValueError(
                f'a term taps {lacking[0]!r} of the teacher, but its cache {self.cache.folder} stores '
                f'{", ".join(stored)}: add it to model.teacher.taps, and write the cache again'
            )
        self.live.listened = self.listened
        if self.missing == 'live':
            self.live.listen(self.listened)

    @torch.no_grad()
    def forward(self, frames: CachedFrames | Tensor) -> dict[str, Tensor]:
        """The outputs for a batch of clips, as those of the teacher itself.

        Args:
            frames: what its view gives of a batch; pixels (N, T', 3, H, W) only with ``missing='live'``.

        Raises:
            ValueError: the cache lacks frames, or their video, its decoder or its spatial views have changed.
        """
        if isinstance(frames, Tensor):
            return self._of_pixels(frames)
        outputs = self.live.combine(self._looked_up(frames, self._needed, {}))
        return {path: output.float() for path, output in outputs.items()}

    def num_tokens(self, path: str) -> int | None:
        """L of a stored output of which :meth:`read` can leave tokens out, (L, C) of a frame; None of another one.

        With ``missing='live'`` there is none: the teacher would run a second time for the clips that the cache lacks.
        """
        if self.missing == 'live':
            return None
        shape = self.cache.settings.outputs.get(path, ())
        return shape[0] if len(shape) == 2 and path not in self.outputs_without_path else None

    @torch.no_grad()
    def read(
        self, frames: CachedFrames, paths: Collection[str], tokens: Mapping[str, Tensor] | None = None
    ) -> dict[str, Tensor]:
        """As :meth:`forward`, of some taps and, of tokens, some positions only: no other bytes of the cache are read.

        Args:
            frames: what its view gives of a batch.
            paths: some of its taps.
            tokens: path -> (N, T', L) boolean on the CPU, the tokens that are wanted; the others are 0. For paths with
                :meth:`num_tokens`.

        Raises:
            ValueError: see :meth:`forward`.
        """
        if not paths:
            return {}
        outputs = self.live.combine(self._looked_up(frames, sorted(self.live.needed_for(paths)), tokens or {}))
        return {path: outputs[path].float() for path in paths}

    def _of_pixels(self, frames: Tensor) -> dict[str, Tensor]:
        if self.missing == 'live':
            return self.live(frames)
        raise ValueError(
            'a CachedTeacher has outputs for the training clips alone, and was asked about others: give the teacher '
            "itself, the config in model.teacher.teacher, or set model.teacher.missing='live'"
        )

    def _looked_up(
        self, frames: CachedFrames, names: Collection[str], tokens: Mapping[str, Tensor]
    ) -> dict[str, Tensor]:
        """name -> (N, T', …) float32, on the device of the clips; of ``tokens`` all but those are 0."""
        found = [
            self._of_clip(frames, clip, names, {name: wanted[clip] for name, wanted in tokens.items()})
            for clip in range(len(frames))
        ]
        device = frames.clips.device
        if all(found):
            joined = {
                name: (torch.cat if name in tokens else torch.stack)([one[name] for one in found]) for name in names
            }
            on_device = {name: value.to(device, non_blocking=True).float() for name, value in joined.items()}
            return {name: _at(tokens[name], one) if name in tokens else one for name, one in on_device.items()}
        missing = [clip for clip, one in enumerate(found) if not one]
        pixels = self.live.view.inputs_of(frames.clips[missing], ())
        computed = self.live.outputs_of_frames(pixels)
        for place, clip in enumerate(missing):
            found[clip] = {name: computed[name][place] for name in names}
        return {name: torch.stack([one[name].to(device, non_blocking=True).float() for one in found]) for name in names}

    def _of_clip(
        self, frames: CachedFrames, clip: int, names: Collection[str], tokens: Mapping[str, Tensor]
    ) -> dict[str, Tensor]:
        keys = frames.keys[clip]
        if keys == NOISE:
            stand_in = self.cache.stand_in(frames.shape[1], names)
            return {name: one[tokens[name]] if name in tokens else one for name, one in stand_in.items()}
        try:
            return self.cache.of_frames(keys, frames.frames_of(clip), names, tokens)
        except MissingFrames:
            if self.missing == 'error':
                raise
            return {}


def _at(wanted: Tensor, tokens: Tensor) -> Tensor:
    """Tokens (number of wanted ones, C) at their places among all, (N, T', L, C), with 0 elsewhere."""
    places = wanted.flatten().nonzero()[:, 0].to(tokens.device, non_blocking=True)
    whole = tokens.new_zeros(wanted.numel(), *tokens.shape[1:])
    return whole.index_copy_(0, places, tokens).unflatten(0, wanted.shape)


def build_frame_teacher(config: Mapping) -> FrameTeacher:
    """Build the teacher that is cached.

    Raises:
        ValueError: its outputs for a frame depend on the other frames of the clip.
    """
    teacher = MODELS.build(dict(config))
    if not isinstance(teacher, FrameTeacher):
        raise ValueError(
            f'a {type(teacher).__name__} cannot be cached: only the outputs of single frames are stored, and it sees '
            'the frames of a clip together. Expected an ImageTeacher, an EmbeddingTeacher or another FrameTeacher; '
            'train with this one as it is'
        )
    if teacher.view.modality != 'rgb':
        raise ValueError(
            f'a teacher that sees {teacher.view.modality!r} cannot be cached: what it sees of a frame depends on the '
            "next one, and only the outputs of single frames are stored. Expected view.modality='rgb'"
        )
    return teacher


def teacher_identity(teacher: FrameTeacher, config: Mapping, *, taps: Sequence[str], top_k: int | None) -> dict:
    """All that a frame's stored outputs depend on, but the frame: plain values, as JSON gives them back."""
    model = config.get('model')
    if isinstance(model, nn.Module):
        model = type(model).__name__
    probe = getattr(teacher, 'probe', None)
    identity = {
        'type': type(teacher).__name__,
        'model': model if isinstance(model, str) else json.dumps(model, sort_keys=True, default=str),
        'weights': fingerprint(teacher.network),
        'probe': None if probe is None else fingerprint(probe),
        'classifier': teacher.classifier,
        'compute_dtype': str(teacher.compute_dtype or torch.float32).removeprefix('torch.'),
        **{name: getattr(teacher.view, name) for name in ('size', 'mean', 'std', 'swap_channels')},
        'taps': sorted(taps),
        'top_k': top_k,
    }
    return json.loads(json.dumps(identity, default=list))


def _classifier_or_none(teacher: FrameTeacher) -> nn.Module | None:
    try:
        return teacher_classifier(teacher)
    except ValueError:
        return None  # the loss that asks for it says so
