"""The forward pass on noise that checks terms when a distiller is built."""

import pytest
import torch
from torch import nn

from kdtoolbox.criterion import from_config
from kdtoolbox.criterion.dry_run import copy_with_unregistered
from kdtoolbox.method_card import MethodCard
from kdtoolbox.registry import MODELS
from kdtoolbox.unregistered_modules import UnregisteredModules
from tests.criterion.built_terms import AUTO, CLIP, build, noisy, random_states, video_teacher
from tests.tiny import distillation_head, student_config, teacher_config


def test_the_dry_run_changes_neither_what_is_trained_nor_the_random_state():
    noise = dict(type='NoisyWithChannels', student_channels=1, teacher_channels=1)
    terms = dict(kd=distillation_head(), noise=dict(loss=noise))
    without = build(terms, clip_shape=None)
    states = random_states()
    with_run = build(terms)
    assert random_states() == states
    assert not without.criterion.terms.kd.shapes and with_run.criterion.terms.kd.shapes
    assert with_run.state_dict().keys() == without.state_dict().keys()
    for name, value in without.state_dict().items():
        assert torch.equal(value, with_run.state_dict()[name]), name
    for name, value in without.teachers[''].state_dict().items():
        assert torch.equal(value, with_run.teachers[''].state_dict()[name]), name
    assert [m.training for m in with_run.modules()] == [m.training for m in without.modules()]
    assert all(p.requires_grad and p.grad is None for p in with_run.parameters())


def test_the_clip_is_16_frames_of_the_students_view_unless_said():
    terms = dict(hint=dict(loss=noisy(), student='backbone.layer1', teacher='layer1'))
    shapes = build(terms, clip_shape=None, student_view=dict(size=(8, 12), frame_stride=2)).criterion.terms.hint.shapes
    assert shapes['student_shape'] == (4, 8, 8, 12) and shapes['teacher_shape'] == (6, 8, 12, 12)
    shapes = build(terms, clip_shape=(10, 20, 20), student_view=dict(size=8)).criterion.terms.hint.shapes
    assert shapes['student_shape'] == (4, 10, 8, 8) and shapes['teacher_shape'] == (6, 5, 12, 12)
    shapes = build(terms, clip_shape=None).criterion.terms.hint.shapes  # nothing but the teacher's view tells
    assert shapes['student_shape'] == (4, 16, 24, 24)


def test_nothing_runs_where_the_clip_is_unknown_or_there_are_no_terms(monkeypatch):
    monkeypatch.setattr(from_config, 'run_networks', lambda *args, **options: pytest.fail('ran'))
    build(dict(kd=distillation_head()), clip_shape=None)
    build({})
    build(dict(kd=dict(distillation_head(), weight=0)))


def test_unequal_maps_without_a_connector_are_refused_when_built():
    terms = dict(hint=dict(loss=dict(type='L2'), student='backbone.layer3', teacher='layer2'))
    with pytest.raises(
        ValueError,
        match=r"term 'hint', student 'backbone.layer3' \(2, 16, 2, 4, 4\), teacher 'layer2' "
        r'\(2, 8, 2, 6, 6\): .*give the term a connector',
    ) as refusal:
        build(terms)
    assert 'guessed' not in str(refusal.value)
    with pytest.raises(
        ValueError,
        match=r'give the term a connector.*by a clip of \(T, H, W\) = \(16, 16, 16\), which '
        r'was guessed.*set clip_shape',
    ):
        build(terms, clip_shape=None, student_view=dict(size=16))


def test_a_loss_that_fails_in_its_own_way_is_named():
    @MODELS.register_module(force=True)
    class Multiplies(nn.Module):
        def forward(self, student, teacher):
            return (student @ teacher).mean()

    with pytest.raises(
        ValueError,
        match=r"term 'kd', student 'logits' \(2, 5\), teacher 'logits' \(2, 7\), does "
        'not run: RuntimeError: mat1',
    ):
        build(dict(kd=dict(loss=dict(type='Multiplies'))))


def test_a_term_that_starts_later_is_checked_as_well():
    term = dict(loss=dict(type='L2'), weight_schedule=[(0, 0), (1, 1)])
    with pytest.raises(ValueError, match=r"term 'late', student 'logits' \(2, 5\), teacher 'logits' \(2, 7\)"):
        build(dict(late=term))


def two_segment_teacher():
    """A TSM that takes two frames and no other number."""
    return dict(
        type='RecognizerTeacher',
        view=dict(size=32, frame_stride=2),
        recognizer=dict(
            type='Recognizer2D',
            backbone=dict(type='ResNetTSM', depth=18, num_segments=2, norm_eval=False),
            cls_head=dict(type='TSMHead', num_classes=5, in_channels=512, num_segments=2),
            data_preprocessor=student_config()['data_preprocessor'],
        ),
    )


def test_a_network_that_does_not_run_on_the_clip_says_how_to_set_it(monkeypatch):
    options = dict(teacher=two_segment_teacher(), student_view=dict(size=16))
    warnings = []
    monkeypatch.setattr(from_config, 'print_log', lambda line, *_: warnings.append(line))
    terms = dict(kd=dict(loss=dict(type='L2')))
    with pytest.raises(ValueError, match=r'teacher does not run on a clip of .* = \(6, 16, 16\).*set clip_shape'):
        build(terms, **dict(options, clip_shape=(6, 16, 16)))
    with pytest.raises(ValueError, match=r'\(16, 16, 16\).*set clip_shape'):
        build(dict(kd=dict(terms['kd'], student_connector=AUTO)), **dict(options, clip_shape=None))
    assert build(terms, **options).criterion.terms.kd.shapes
    assert not warnings
    # A guess that fails refuses no config in which nothing depends on it.
    assert not build(terms, **dict(options, clip_shape=None)).criterion.terms.kd.shapes
    assert len(warnings) == 1 and 'not checked before training: the teacher does not run on a clip' in warnings[0]


def test_a_student_that_does_not_run_says_why_and_how_to_set_the_clip():
    student = student_config()
    student['cls_head']['in_channels'] = 31
    with pytest.raises(
        ValueError,
        match=r'the student does not run on a clip of .* = \(4, 16, 16\): RuntimeError: '
        r'mat1.*set clip_shape=\(T, H, W\)',
    ):
        MODELS.build(
            dict(
                type='Distiller',
                student=student,
                teacher=teacher_config(),
                clip_shape=CLIP,
                terms=dict(kd=distillation_head()),
            )
        )


@pytest.mark.parametrize('clip_shape', [CLIP, None])
def test_dkd_with_two_classes_is_refused_when_built(clip_shape):
    student = student_config(num_classes=2)
    teacher = dict(video_teacher(), recognizer=student)
    for loss in (dict(type='DKD'), dict(type='LogitStandardization', loss=dict(type='DKD'))):
        with pytest.raises(ValueError, match="term 'kd'.*(needs 3 classes|at least 3)"):
            MODELS.build(
                dict(
                    type='Distiller',
                    student=student,
                    teacher=teacher,
                    terms=dict(kd=dict(loss=loss)),
                    clip_shape=clip_shape,
                )
            )


def test_the_classes_that_a_card_asks_for_are_counted_behind_the_connector():
    @MODELS.register_module(force=True)
    class NeedsEight(nn.Module):
        card = MethodCard(paper='none', needs=('logits',), min_classes=8)

        def forward(self, student, teacher):
            return student.mean()

    with pytest.raises(ValueError, match=r"term 'kd': NeedsEight needs 8 classes or more, but the student has 7"):
        build(dict(kd=dict(distillation_head(), loss=dict(type='NeedsEight'))))
    build(dict(kd=dict(distillation_head(), loss=dict(type='NeedsEight'), teacher='features', student_connector=AUTO)))


def test_a_loss_that_compares_three_clips_is_rehearsed_with_three():
    distiller = build(dict(angles=dict(loss=dict(type='RKDAngle'), student='features', teacher='features')))
    assert distiller.criterion.terms.angles.min_batch_size == 3
    assert distiller.criterion.terms.angles.shapes['student_connected'] == (32,)


def test_what_a_term_holds_without_owning_it_is_copied_for_the_rehearsal():
    owner = nn.Identity()
    owner.held = UnregisteredModules({'judge': nn.BatchNorm1d(3)})
    copied = copy_with_unregistered(owner)
    copied.held.modules['judge'](torch.randn(4, 3))
    assert owner.held.modules['judge'].num_batches_tracked == 0
    assert copied.held.modules['judge'].num_batches_tracked == 1


def test_a_2d_student_is_rehearsed_as_it_is_trained():
    student = dict(
        type='Recognizer2D',
        backbone=dict(type='ResNet', depth=18, norm_eval=False),
        cls_head=dict(type='TSNHead', num_classes=5, in_channels=512, dropout_ratio=0.0),
        data_preprocessor=dict(student_config()['data_preprocessor'], format_shape='NCHW'),
    )
    term = dict(distillation_head(), student_connector=AUTO)
    distiller = MODELS.build(
        dict(
            type='Distiller', student=student, teacher=teacher_config(), terms=dict(kd=term), student_view=dict(size=32)
        )
    )
    assert 'LinearProjection(in_channels=512, out_channels=7)' in distiller.criterion.terms.kd.chosen[0]


def test_too_few_classes_of_the_students_classifier_are_refused_where_no_shapes_are_known():
    student = student_config(num_classes=2)
    term = dict(loss=dict(type='SDD', loss=dict(type='DKD')), student='backbone.layer4', teacher='backbone.layer4')
    with pytest.raises(ValueError, match="term 'kd': SDD needs 3 classes or more, but the student has 2"):
        MODELS.build(
            dict(
                type='Distiller',
                student=student,
                teacher=dict(video_teacher(), recognizer=student),
                terms=dict(kd=term),
            )
        )
