"""Clips that are resized on the device."""

import cv2
import numpy as np
import pytest
import torch

from kdtoolbox.distillers import Distiller
from kdtoolbox.views.preprocessor import resized
from tests.tiny import student_config


def clip(height, width, *, frames=3):
    draw = np.random.default_rng(height)
    images = [cv2.resize(draw.integers(0, 255, (5, 6, 3), np.uint8), (width, height)) for _ in range(frames)]
    return torch.from_numpy(np.stack(images)).permute(3, 0, 1, 2)[None]


def test_larger_clips_are_those_that_opencv_makes():
    small = clip(40, 44)
    large = resized(small, (64, 72))
    assert large.shape == (1, 3, 3, 64, 72) and large.dtype == torch.uint8
    for image, before in zip(large[0].permute(1, 2, 3, 0).numpy(), small[0].permute(1, 2, 3, 0).numpy(), strict=True):
        assert np.abs(np.int16(image) - cv2.resize(before, (72, 64))).max() <= 1


def test_smaller_clips_are_means_of_what_they_cover():
    whole = clip(64, 64)
    half = resized(whole, (32, 32)).float()
    means = torch.nn.functional.avg_pool3d(whole.float(), (1, 2, 2))
    assert (half - means).abs().mean() < 4


def test_frames_of_a_2d_student_are_resized_alike():
    frames = clip(40, 44)
    as_frames = resized(frames[0].transpose(0, 1), (20, 20))
    assert torch.equal(as_frames, resized(frames, (20, 20))[0].transpose(0, 1))


def test_a_clip_of_the_size_is_left_alone():
    same = clip(32, 32)
    assert resized(same, (32, 32)) is same


def test_crops_of_different_sizes_are_one_batch_with_clip_size_and_refused_without():
    inputs = [clip(40, 40), clip(64, 48)]
    with pytest.raises(ValueError, match='or set clip_size of the distiller'):
        Distiller(student_config(), student_view=dict(size=32)).data_preprocessor(batch(inputs), training=True)
    distiller = Distiller(student_config(), student_view=dict(size=32), clip_size=48)
    out = distiller.data_preprocessor(batch(inputs), training=True)
    assert out['inputs'].shape[:2] == (2, 1) and out['inputs'].shape[-2:] == (32, 32)
    same = distiller.data_preprocessor(batch([resized(one, (48, 48)) for one in inputs]), training=True)
    assert torch.equal(out['inputs'], same['inputs'])


def batch(inputs):
    from mmaction.structures import ActionDataSample

    samples = [ActionDataSample() for _ in inputs]
    return dict(inputs=inputs, data_samples=samples)
