"""A student that sees frame differences sees them in training and in testing."""

import pytest
import torch

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
