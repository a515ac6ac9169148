"""Testing with several clips and crops of a video, through mmaction2's own transforms."""

import numpy as np
import pytest
import torch
from mmaction.structures import ActionDataSample

from kdtoolbox.registry import MODELS, TRANSFORMS
from tests.tiny import student_config

NUM_CLIPS, CLIP_LEN = 2, 4


def views(crop: str) -> torch.Tensor:
    """(crops x clips, 3, T, 16, 16), as a pipeline ends."""
    frames = np.random.default_rng(0).integers(0, 256, (NUM_CLIPS * CLIP_LEN, 16, 24, 3), dtype=np.uint8)
    results = dict(imgs=list(frames), img_shape=(16, 24), num_clips=NUM_CLIPS, clip_len=CLIP_LEN, modality='RGB')
    for transform in (dict(type=crop, crop_size=16), dict(type='FormatShape', input_format='NCTHW')):
        results = TRANSFORMS.build(transform)(results)
    return torch.from_numpy(results['imgs'])


def predict(distiller, clips):
    return distiller.val_step(
        dict(inputs=[clips, clips.flip(0) // 2], data_samples=[ActionDataSample(), ActionDataSample()])
    )[0]


@pytest.mark.parametrize('crop, num_crops', [('ThreeCrop', 3), ('TenCrop', 10)])
@pytest.mark.parametrize('average_clips', ['prob', 'score'])
def test_scores_and_features_are_means_over_clips_and_crops(crop, num_crops, average_clips):
    student = student_config()
    student['cls_head']['average_clips'] = average_clips
    distiller = MODELS.build(dict(type='Distiller', student=student)).eval()
    clips = views(crop)
    assert clips.shape == (num_crops * NUM_CLIPS, 3, CLIP_LEN, 16, 16)
    together, alone = predict(distiller, clips), [predict(distiller, clip[None]) for clip in clips]
    for read in (lambda sample: sample.clip_features, lambda sample: sample.pred_scores.item):
        torch.testing.assert_close(read(together), torch.stack([read(one) for one in alone]).mean(0))
    assert torch.stack([one.clip_features for one in alone]).std(0).max() > 0  # the views differ


def test_views_run_in_portions_give_the_same():
    student = student_config()
    whole = MODELS.build(dict(type='Distiller', student=student)).eval()
    portions = MODELS.build(dict(type='Distiller', student=dict(student, test_cfg=dict(max_testing_views=4)))).eval()
    portions.load_state_dict(whole.state_dict())
    one, other = (
        distiller.val_step(dict(inputs=[views('ThreeCrop')], data_samples=[ActionDataSample()]))[0]
        for distiller in (whole, portions)
    )
    torch.testing.assert_close(one.clip_features, other.clip_features)
    torch.testing.assert_close(one.pred_scores.item, other.pred_scores.item)
