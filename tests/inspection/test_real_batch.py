"""What a few clips tell of a model."""

import pytest
import torch
from torch import nn

from kdtoolbox.inspection.real_batch import of_a_step, trains_its_head
from kdtoolbox.isolation import copy_to_try, untouched_randomness
from kdtoolbox.registry import MODELS
from kdtoolbox.views.input_sizes import size_it_runs_on
from tests.tiny import batch, distillation_head, run_config, student_config, teacher_config


@MODELS.register_module(force=True)
class OfOneSize(nn.Module):
    """As a vision transformer: takes images of 32 x 32 alone."""

    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(3, 7)

    def forward(self, images):
        assert images.shape[-1] == 32, f'Wrong image height! Expected 32 but got {images.shape[-1]}!'
        return self.fc(images.mean((2, 3)))


@MODELS.register_module(force=True)
class GivesProbabilities(OfOneSize):
    def forward(self, images):
        return self.fc(images.mean((2, 3))).softmax(1)


def model(**options):
    return MODELS.build(run_config('unused', **options).model.to_dict()).train()


def said(network) -> list[str]:
    return [finding.text for finding in of_a_step(copy_to_try(network), batch())]


def test_a_sound_distillation_has_no_findings():
    assert said(model()) == []


@pytest.mark.parametrize('side', ['student', 'teacher'])
@pytest.mark.parametrize(
    'mean, std, words',
    [
        ([0.45] * 3, [0.225] * 3, 'are those of pixels from 0 to 1'),
        ([255.0 * 114] * 3, [60.0] * 3, 'are mean and std of'),
    ],
)
def test_statistics_on_another_scale_are_found(side, mean, std, words):
    student, teacher = student_config(), teacher_config()
    if side == 'student':
        student['data_preprocessor'].update(mean=mean, std=std)
    else:
        teacher['view'].update(mean=mean, std=std)
    [text] = said(model(student=student, teacher=teacher))
    assert text.startswith(f'the {side} sees pixels of mean') and words in text


def test_a_student_without_statistics_is_asked_whether_that_is_meant():
    student = student_config()
    student['data_preprocessor'].update(mean=None, std=None)
    [text] = said(model(student=student))
    assert 'sees 0 to 255; is it made for that?' in text


def test_a_teacher_of_one_size_is_answered_by_that_size():
    teacher = dict(teacher_config(), model=dict(type='OfOneSize'))
    with pytest.raises(
        ValueError,
        match=r'the teacher does not run on frames of 24x24 \(AssertionError: Wrong image height'
        r'.*it runs on 32x32: set model\.teacher\.view\.size=32',
    ):
        model(teacher=teacher)
    teacher['view'] = dict(size=32)
    assert said(model(teacher=teacher)) == []


def test_a_student_whose_clips_are_too_small_is_answered_by_the_least_size():
    """C3D halves height and width five times in front of a linear layer."""
    student = dict(
        type='Recognizer3D',
        backbone=dict(type='C3D', out_dim=512 * 2 * 2, dropout_ratio=0.0),
        cls_head=dict(type='I3DHead', num_classes=5, in_channels=4096, spatial_type=None, dropout_ratio=0.0),
        data_preprocessor=student_config()['data_preprocessor'],
    )
    network = model(student=student, terms={}, teacher=None, student_view=dict(size=16))
    clips = batch(frames=16, pixels=16)
    [finding] = of_a_step(copy_to_try(network), clips)
    assert finding.is_error and 'the student does not run on frames of 16x16' in finding.text
    assert 'set model.student_view.size=32' in finding.text


def test_probabilities_in_place_of_logits_are_found():
    teacher = dict(teacher_config(), model=dict(type='GivesProbabilities'), view=dict(size=32))
    assert ['gives probabilities' in text for text in said(model(teacher=teacher))] == [True]


def test_what_gets_no_gradient_is_named():
    @MODELS.register_module(force=True)
    class DeadLoss(nn.Module):
        def forward(self, student, teacher):
            return 0 * student.sum()

    terms = dict(kd=dict(distillation_head(), loss=dict(type='DeadLoss')))
    assert any('loss_kd sends no gradient to the student' in text for text in said(model(terms=terms)))
    network = model()
    network.student.extra = nn.Linear(2, 2)
    [text] = said(network)
    assert text.startswith('2 parameters that are to learn get no gradient: student.extra.bias, student.extra.weight')


def test_a_head_that_nothing_trains_is_told_from_one_that_a_term_does():
    assert trains_its_head(model())
    assert not trains_its_head(model(use_labels=False))
    assert said(model(use_labels=False)) == []  # of a head that is not to learn there is nothing to say
    teacher = dict(teacher_config(), model=dict(type='TinyImageNet', num_classes=5))
    assert trains_its_head(
        model(use_labels=False, teacher=teacher, terms=dict(kd=dict(loss=dict(type='KLDivergence'))))
    )


def test_a_student_that_recomputes_its_activations_is_looked_at_too():
    student = student_config()
    student['backbone']['with_cp'] = True
    assert said(model(student=student)) == []


def test_the_least_size_is_the_least_that_does_not_fail():
    def run(size):
        if size < 100:
            raise RuntimeError('too small')

    assert size_it_runs_on(run, above=20) == 112
    assert size_it_runs_on(run, above=600) is None


def test_random_numbers_go_on_as_if_nothing_had_been_tried():
    torch.manual_seed(1)
    with untouched_randomness():
        torch.rand(3)
    one = torch.rand(1)
    torch.manual_seed(1)
    assert torch.equal(one, torch.rand(1))
