"""A batch of noise, for checks without data."""

from collections.abc import Mapping
from typing import cast

import torch
from mmaction.structures import ActionDataSample
from torch import nn

from kdtoolbox.criterion.from_config import GUESSED_FRAMES
from kdtoolbox.inspection.networks import num_classes_of, student_of, teachers_of
from kdtoolbox.teacher_cache.frame_keys import META_KEY, NOISE
from kdtoolbox.views import view_of
from kdtoolbox.views.preprocessor import ViewPreprocessor


def noise_batch(model_config: Mapping, model: nn.Module, num_clips: int) -> dict:
    """Clips of noise with labels in turn, or none where labels are not used."""
    view = cast(ViewPreprocessor, model.data_preprocessor).student_view
    views = [view, *map(view_of, teachers_of(model).values())]
    size = max((one.height_and_width for one in views if one is not None), default=(112, 112))
    clip_shape = model_config.get('clip_shape') or (GUESSED_FRAMES, *size)
    generator = torch.Generator().manual_seed(0)
    samples = []
    for index in range(num_clips):
        sample = ActionDataSample()
        if getattr(model, 'use_labels', True):
            sample.set_gt_labels(index % num_classes_of(model))
        sample.set_metainfo({'sample_id': f'noise{index}', META_KEY: NOISE})
        samples.append(sample)
    clips = [torch.randint(0, 256, (1, 3, *clip_shape), dtype=torch.uint8, generator=generator) for _ in samples]
    is_2d = type(student_of(model)).__name__ == 'Recognizer2D'
    return {'inputs': [clip[0].transpose(0, 1) if is_2d else clip for clip in clips], 'data_samples': samples}
