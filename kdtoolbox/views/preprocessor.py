"""The data preprocessor of a distiller: from one decoded clip to one view for each network."""

from collections.abc import Callable, Mapping, Sequence

import torch
from mmaction.models.data_preprocessors import ActionDataPreprocessor
from mmaction.models.utils.blending_utils import BaseMiniBatchBlending
from mmengine.model import BaseDataPreprocessor
from mmengine.structures import BaseDataElement
from torch import Tensor
from torch.nn import functional as F

from kdtoolbox.views import View, frame_differences


class ViewPreprocessor(BaseDataPreprocessor):
    """Makes the student's view and, in training, the teachers' views of the clips of a batch.

    Decoding, cropping and flipping are done; clips arrive as uint8 and are resized and normalised on the device.
    Several clips of a training sample become samples of their own. Where the student's preprocessor blends clips
    (Mixup, CutMix), the decoded clips are blended, so that student and teachers see the same blend.
    The student's view is normalised by the student's own preprocessor, so that training and plain mmaction2 use the
    same input. Validation and test clips are not resized, their pipeline sets their size; frame differences are
    computed for them too, if the student is trained on these.

    Args:
        student_preprocessor: of the recognizer.
        student_view: None leaves the clip unchanged.
        teacher_views: gives name -> view of the teachers that are needed now; called for every batch.
        clip_size: height and width to which the clips of a training batch are resized, each by itself, so that their
            pipeline may end with a crop and leave that to the device; None takes clips of one size as they are.
    """

    def __init__(
        self,
        student_preprocessor: BaseDataPreprocessor,
        *,
        student_view: View | None,
        teacher_views: Callable[[], Mapping[str, View]],
        clip_size: int | tuple[int, int] | None = None,
    ) -> None:
        super().__init__(non_blocking=True)  # copies to a device are queued; its clips are used there alone
        self._student_preprocessor = (student_preprocessor,)  # a tuple: it belongs to the student's module tree
        self.student_view = student_view
        self.teacher_views = teacher_views
        self.clip_size = None if clip_size is None else View(size=clip_size).height_and_width

    def _in_modality(self, data: dict) -> dict:
        if self.student_view is None or self.student_view.modality == 'rgb':
            return data
        clips = [
            frame_differences(clip, time=2) if clip.dim() == 5 else _differences_of_each_clip(clip, sample)
            for clip, sample in zip(data['inputs'], data['data_samples'])
        ]
        return {**data, 'inputs': clips}

    def forward(self, data: dict, training: bool = False) -> dict:
        """Args:
            data: ``inputs``, a list of uint8 tensors, (clips, 3, T, H, W) for a 3D student, (T, 3, H, W) for a 2D one,
                and ``data_samples``.

        Returns:
            ``inputs`` and ``data_samples`` as the student's preprocessor gives them and, in training, if a teacher is
            needed, ``teacher_inputs``: name -> (N, T', 3, h, w).

        Raises:
            ValueError: a training sample holds no RGB clips, or the clips differ in shape; a 2D student is tested on
                differences of frames and the samples do not tell where their clips end; clips are to be blended of
                which only some have a label.
        """
        preprocess = self._student_preprocessor[0]
        if not training:
            return preprocess(self._in_modality(self.cast_data(data)), training=False)
        # Labels stay on the host, which looks at them; labels_of() copies those of the batch to the device at once.
        data = _one_clip_a_sample({**data, 'inputs': self.cast_data(data['inputs'])})
        if self.clip_size is not None:
            data = {**data, 'inputs': [resized(clip, self.clip_size) for clip in data['inputs']]}
        views = self.teacher_views()
        if not views and self.student_view is None:
            return _preprocessed(preprocess, data, training=True)
        clips, blending = _stack(data['inputs']), getattr(preprocess, 'blending', None)
        if blending is not None:
            clips = _blended(clips, data['data_samples'], blending)
        inputs = clips if self.student_view is None else self.student_view.render(clips)
        # A 3D recognizer takes (clips, 3, T, H, W), a 2D one (T, 3, H, W).
        inputs = inputs.unsqueeze(1) if data['inputs'][0].dim() == 5 else inputs.transpose(1, 2)
        # Not "in training" where the blending is done: nothing else of mmaction2 1.1.0's preprocessor depends on it.
        data = {'inputs': list(inputs), 'data_samples': data['data_samples']}
        out = _preprocessed(preprocess, data, training=blending is None)
        if views:
            out['teacher_inputs'] = {name: view.inputs_of(clips, data['data_samples']) for name, view in views.items()}
        return out


def _preprocessed(preprocess: BaseDataPreprocessor, data: dict, *, training: bool) -> dict:
    """The inputs as the student's preprocessor makes them; mmaction2's usual one need not see, and move, the labels."""
    blends = training and getattr(preprocess, 'blending', None) is not None
    if type(preprocess) is not ActionDataPreprocessor or blends:
        return preprocess(data, training=training)
    return {**preprocess({**data, 'data_samples': ()}, training=training), 'data_samples': data['data_samples']}


def _differences_of_each_clip(frames: Tensor, sample: BaseDataElement) -> Tensor:
    """Frame differences (clips * T, 3, H, W), computed inside each clip."""
    lengths = [sample.metainfo.get(name) for name in ('clip_len', 'num_clips')]
    if None in lengths:
        raise ValueError(
            'a 2D student of frame differences is tested on samples that do not tell where a clip ends: have '
            "their pipeline end with PackActionInputs(meta_keys=('sample_id', 'role', 'clip_len', 'num_clips'))"
        )
    length = lengths[0] if lengths[0] > 1 else lengths[1]  # single frames are sampled as the segments of one clip
    return frame_differences(frames.unflatten(0, (-1, length)), time=1).flatten(0, 1)


def _one_clip_a_sample(data: dict) -> dict:
    """The batch with a sample for each of several clips, which share label and ``sample_id``."""
    counts = [clip.shape[0] if clip.dim() == 5 else 1 for clip in data['inputs']]
    if max(counts) == 1:
        return data
    return {
        **data,
        'inputs': [clip.unsqueeze(0) for clips in data['inputs'] for clip in clips],
        'data_samples': [sample.clone() for sample, count in zip(data['data_samples'], counts) for _ in range(count)],
    }


def _blended(clips: Tensor, samples: Sequence[BaseDataElement], blending: BaseMiniBatchBlending) -> Tensor:
    """Clips that are blended as mmaction2 does it, as float32; the samples get the blended labels, if they have labels.

    Raises:
        ValueError: only some have a label.
    """
    has_label = ['gt_labels' in sample and bool((sample.gt_labels.item >= 0).all()) for sample in samples]
    if all(has_label):
        return blending(clips.float(), samples)[0]
    if any(has_label):
        raise ValueError(
            f'{type(blending).__name__} blends the labels of clips too, but {len(samples) - sum(has_label)} of '
            f'{len(samples)} in this batch have none: remove blending from the data_preprocessor of the student'
        )
    return blending.do_blending(clips.float(), torch.zeros(len(clips), 1, device=clips.device))[0]


def resized(clip: Tensor, size: tuple[int, int]) -> Tensor:
    """A clip (1, 3, T, H, W) or (T, 3, H, W) of uint8 in another size, rounded: (…, h, w) uint8.

    Bilinear; where it makes clips smaller each pixel is a mean of those it covers, which OpenCV's bilinear is not.
    """
    if clip.shape[-2:] == size:
        return clip
    frames = clip.transpose(1, 2).flatten(0, 1) if clip.dim() == 5 else clip
    frames = F.interpolate(frames.float(), size, mode='bilinear', antialias=True).round_().clamp_(0, 255)
    frames = frames.to(torch.uint8)
    return frames.unflatten(0, (clip.shape[0], -1)).transpose(1, 2) if clip.dim() == 5 else frames


def _stack(inputs: list[Tensor]) -> Tensor:
    """List of (1, 3, T, H, W) or (T, 3, H, W) -> (N, 3, T, H, W)."""
    shapes = {tuple(clip.shape) for clip in inputs}
    if len(shapes) > 1:
        raise ValueError(
            f'the clips of one batch have different shapes, {sorted(shapes)}: end the training pipeline '
            'with a crop or Resize(keep_ratio=False) to one size, or set clip_size of the distiller'
        )
    shape = shapes.pop()
    if len(shape) == 5 and shape[:2] == (1, 3):
        return torch.cat(inputs)
    if len(shape) == 4 and shape[1] == 3:
        return torch.stack(inputs).transpose(1, 2)
    raise ValueError(
        f'a training sample has shape {shape}, expected RGB clips: (clips, 3, T, H, W) by one '
        "crop and FormatShape(input_format='NCTHW'), or (T, 3, H, W) by 'NCHW' for a 2D student"
    )
