"""A student that sees frame differences sees them in training and in testing."""

import pytest
import torch
from mmaction.structures import ActionDataSample

from kdtoolbox.registry import MODELS
from tests import tiny


@pytest.mark.parametrize('training', [True, False])
def test_a_student_of_frame_differences_gets_them_in_training_and_in_testing(training):
    student = tiny.student_config()
    student['data_preprocessor'].update(mean=[0, 0, 0], std=[20, 20, 20])
    model = MODELS.build(dict(type='Distiller', student=student, student_view=dict(size=16, modality='rgb_difference')))
    batch = tiny.batch(2, frames=4, pixels=16)
    seen = model.data_preprocessor({**batch, 'inputs': list(batch['inputs'])}, training=training)['inputs']
    clips = torch.stack(batch['inputs']).float()
    changes = clips[:, :, :, [1, 2, 3, 3]] - clips[:, :, :, [0, 1, 2, 2]]
    torch.testing.assert_close(seen, changes / 20)


def test_a_student_of_plain_frames_is_tested_on_the_clips_as_they_are():
    model = MODELS.build(dict(type='Distiller', student=tiny.student_config(), student_view=dict(size=16)))
    batch = tiny.batch(2)
    seen = model.data_preprocessor({**batch, 'inputs': list(batch['inputs'])}, training=False)['inputs']
    by_student = model.student.data_preprocessor({**batch, 'inputs': list(batch['inputs'])}, training=False)['inputs']
    assert torch.equal(seen, by_student)


def two_dimensional():
    student = tiny.recognizer_2d_config(mean=[0, 0, 0], std=[1, 1, 1])
    return MODELS.build(dict(type='Distiller', student=student, student_view=dict(size=8, modality='rgb_difference')))


def shown_in_tests(model, frames, **metainfo):
    sample = ActionDataSample()
    sample.set_metainfo(metainfo)
    return model.data_preprocessor(dict(inputs=[frames], data_samples=[sample]), training=False)['inputs'][0]


@pytest.mark.parametrize('sampled, length', [(dict(clip_len=3, num_clips=2), 3), (dict(clip_len=1, num_clips=4), 4)])
def test_a_2d_student_sees_no_difference_between_the_end_of_a_clip_and_the_begin_of_the_next(sampled, length):
    """Three crops of clips of consecutive frames, or of the segments that make one clip: each as alone in training."""
    model = two_dimensional()
    frames = torch.randint(0, 256, (12, 3, 8, 8), dtype=torch.uint8)
    seen = shown_in_tests(model, frames, **sampled)
    for begin in range(0, len(frames), length):
        clip = frames[begin : begin + length]
        alone = model.data_preprocessor(dict(inputs=[clip], data_samples=[ActionDataSample()]), training=True)[
            'inputs'
        ][0]
        assert torch.equal(seen[begin : begin + length], alone)


def test_a_2d_student_of_differences_is_not_tested_on_clips_that_do_not_tell_their_ends():
    with pytest.raises(ValueError, match=r"meta_keys=\('sample_id', 'role', 'clip_len', 'num_clips'\)"):
        shown_in_tests(two_dimensional(), torch.zeros(8, 3, 8, 8, dtype=torch.uint8), clip_len=4)
