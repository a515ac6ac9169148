"""What a distiller trains and on what: the student, its teachers, labels and views."""

import copy
import pickle

import pytest
import torch
from mmengine.optim import OptimWrapper

from kdtoolbox.registry import MODELS
from tests.distillers.training_steps import build, build_with_head, losses_of, step
from tests.tiny import (
    MEAN,
    STD,
    batch,
    distillation_head,
    distiller_config,
    student_config,
    teacher_config,
)


def test_without_terms_losses_and_gradients_are_those_of_plain_mmaction2():
    distiller = build(teacher=teacher_config()).train()
    plain = copy.deepcopy(distiller.student).train()
    expected = plain(**plain.data_preprocessor(batch(), training=True), mode='loss')
    losses = losses_of(distiller, batch())
    assert losses.keys() == expected.keys()
    for name in losses:
        assert torch.equal(losses[name], expected[name]), name
    losses['loss_cls'].backward()
    expected['loss_cls'].backward()
    for (name, parameter), (_, wanted) in zip(distiller.student.named_parameters(), plain.named_parameters()):
        assert torch.equal(parameter.grad, wanted.grad), name


def test_without_terms_or_with_weight_0_no_teacher_is_built_and_none_is_shown_a_view():
    for terms in ({}, dict(kd=dict(distillation_head(), weight=0))):
        distiller = build(teacher=teacher_config(), terms=terms)
        assert not distiller.teachers
        assert 'teacher_inputs' not in distiller.data_preprocessor(batch(), training=True)
        assert not list(distiller.criterion.parameters())


def test_the_teacher_is_bit_identical_and_in_eval_after_steps():
    distiller = build_with_head()
    before = copy.deepcopy(distiller.teachers[''].state_dict())
    for seed in range(3):
        step(distiller, batch(seed=seed))
    assert not any(module.training for module in distiller.teachers[''].modules())
    for name, value in distiller.teachers[''].state_dict().items():
        assert torch.equal(value, before[name]), name


def test_the_student_and_the_connector_learn():
    distiller = build_with_head(use_labels=False)
    losses_of(distiller.train(), batch())['loss_kd'].backward()
    gradients = {name: parameter.grad for name, parameter in distiller.named_parameters()}
    assert gradients['student.backbone.conv1.conv.weight'].abs().sum() > 0
    assert gradients['criterion.terms.kd.student_connector.linear.weight'].abs().sum() > 0


def test_the_teacher_is_in_no_state_dict_parameter_list_or_copy():
    distiller = build_with_head()
    assert {name.split('.')[0] for name in distiller.state_dict()} == {'student', 'criterion'}
    assert not {id(p) for p in distiller.parameters()} & {id(p) for p in distiller.teachers[''].parameters()}
    assert copy.deepcopy(distiller).teachers[''] is distiller.teachers['']


def test_a_deep_copy_listens_to_its_own_student():
    distiller = build_with_head().train()
    copied = copy.deepcopy(distiller)
    with torch.no_grad():
        for parameter in copied.student.parameters():
            parameter.zero_()
    losses = losses_of(copied, batch())
    assert not torch.equal(losses['loss_kd'], losses_of(distiller, batch())['loss_kd'])


def test_the_teacher_moves_and_casts_with_the_distiller():
    distiller = build_with_head().double()
    assert all(parameter.dtype == torch.float64 for parameter in distiller.teachers[''].parameters())


def test_student_view_and_teacher_view_show_the_same_crop():
    """A clip with a coloured corner and a frame counter in its brightness, at three sizes."""
    distiller = build(teacher=teacher_config(), terms=dict(kd=distillation_head()), student_view=dict(size=16))
    data = batch(1, frames=4, pixels=48)
    clip = torch.zeros(1, 3, 4, 48, 48)
    clip[:, 0, :, :24, 24:] = 200  # red, upper right quarter
    clip[:, 2] += torch.tensor([0.0, 40.0, 80.0, 120.0]).view(1, 4, 1, 1)  # blue tells the frame
    data['inputs'] = [clip.to(torch.uint8)]
    out = distiller.data_preprocessor(data, training=True)
    mean, std = torch.tensor(MEAN).view(3, 1, 1, 1), torch.tensor(STD).view(3, 1, 1, 1)
    student = out['inputs'][0, 0] * std + mean
    view = distiller.teachers[''].view
    teacher = out['teacher_inputs'][''][0].transpose(0, 1)
    teacher = teacher * torch.tensor(view.std).view(3, 1, 1, 1) + torch.tensor(view.mean).view(3, 1, 1, 1)
    assert student.shape == (3, 4, 16, 16) and teacher.shape == (3, 2, 24, 24)
    for shown, pixels in ((student, 16), (teacher, 24)):
        half = pixels // 2
        assert shown[0, :, 1 : half - 1, half + 1 : -1].min() > 190
        assert shown[0, :, half + 1 :].max() < 10 and shown[0, :, :, : half - 1].max() < 10
    torch.testing.assert_close(teacher[2, :, 0, 0], student[2, ::2, 0, 0], atol=1e-3, rtol=0)


def test_label_free_training_never_looks_at_the_labels():
    terms = dict(kd=distillation_head())
    distiller = build(teacher=teacher_config(), terms=terms, use_labels=False).train()
    labelled, absurd = batch(labels=[0, 1, 2, 3]), batch(labels=[-1, 99, 99, 99])
    losses = losses_of(distiller, labelled)
    assert list(losses) == ['loss_kd']
    distiller_2 = build(teacher=teacher_config(), terms=terms, use_labels=False).train()
    assert torch.equal(losses_of(distiller_2, absurd)['loss_kd'], losses['loss_kd'])


def test_unlabelled_samples_count_in_the_terms_only():
    distiller = build_with_head().train()
    distiller.student.backbone.eval()  # no batch statistics: samples do not depend on one another
    mixed = losses_of(distiller, batch(labels=[0, -1, 2, -1]))
    full = batch(labels=[0, 1, 2, 3])
    only_labelled = dict(inputs=full['inputs'][::2], data_samples=full['data_samples'][::2])
    torch.testing.assert_close(mixed['loss_cls'], losses_of(distiller, only_labelled)['loss_cls'] / 2)  # 2 of 4
    torch.testing.assert_close(mixed['loss_kd'], losses_of(distiller, full)['loss_kd'])
    none = losses_of(distiller, batch(labels=[-1] * 4))
    assert none['loss_cls'] == 0 and none['loss_kd'] > 0


def test_prediction_is_the_students_alone_and_adds_the_mean_of_its_clips_features():
    distiller = build_with_head().eval()
    data = batch(2, clips=3)
    plain = distiller.student
    with torch.no_grad():
        samples = distiller.val_step(copy.deepcopy(data))
        inputs = plain.data_preprocessor(copy.deepcopy(data), training=False)
        expected = plain(**inputs, mode='predict')
        features = plain.backbone(inputs['inputs'].flatten(0, 1)).mean((2, 3, 4)).view(2, 3, -1).mean(1)
    for sample, wanted, feature in zip(samples, expected, features):
        assert torch.equal(sample.pred_scores.item, wanted.pred_scores.item)
        torch.testing.assert_close(sample.clip_features, feature)


def test_several_teachers_are_named_in_their_terms():
    terms = dict(
        image=dict(distillation_head(), teacher='image.logits'),
        motion=dict(loss=dict(type='L2'), student='logits', teacher='motion.logits', weight=0.5),
    )
    teachers = dict(
        image=teacher_config(),
        unused=teacher_config(),
        motion=dict(type='RecognizerTeacher', recognizer=student_config(), view=dict(size=16)),
    )
    distiller = build(teacher=teachers, terms=terms).train()
    assert sorted(distiller.teachers) == ['image', 'motion']
    assert {'loss_image', 'loss_motion', 'loss_cls'} <= set(losses_of(distiller, batch()))


def test_a_student_tap_reaches_inside_and_a_map_loss_works():
    teacher = dict(type='RecognizerTeacher', recognizer=student_config(), view=dict(size=16))
    terms = dict(
        hint=dict(
            loss=dict(type='L2'),
            student='backbone.layer2',
            teacher='backbone.layer2',
            student_connector=dict(type='MapProjection', in_channels=8, out_channels=8),
        )
    )
    distiller = build(teacher=teacher, terms=terms).train()
    losses_of(distiller, batch())['loss_hint'].backward()
    assert distiller.student.backbone.layer2[0].conv1.conv.weight.grad.abs().sum() > 0
    assert distiller.student.backbone.layer3[0].conv1.conv.weight.grad is None


def test_a_2d_recognizer_can_be_the_student():
    student = dict(
        type='Recognizer2D',
        backbone=dict(type='ResNet', depth=18, norm_eval=False),
        cls_head=dict(type='TSNHead', num_classes=5, in_channels=512, dropout_ratio=0.0),
        data_preprocessor=dict(type='ActionDataPreprocessor', mean=MEAN, std=STD, format_shape='NCHW'),
    )
    term = dict(distillation_head(), student_connector=dict(type='LinearProjection', in_channels=512, out_channels=7))
    distiller = MODELS.build(
        dict(
            type='Distiller', student=student, teacher=teacher_config(), terms=dict(kd=term), student_view=dict(size=32)
        )
    ).train()
    clips = batch(2, pixels=48)
    data = dict(clips, inputs=[clip[0].transpose(0, 1) for clip in clips['inputs']])
    out = distiller.data_preprocessor(data, training=True)
    assert out['inputs'].shape == (2, 4, 3, 32, 32) and out['teacher_inputs'][''].shape == (2, 2, 3, 24, 24)
    as_3d = build(teacher=teacher_config(), terms=dict(kd=distillation_head()), student_view=dict(size=32))
    expected = as_3d.data_preprocessor(clips, training=True)['inputs'][:, 0].transpose(1, 2)
    torch.testing.assert_close(out['inputs'], expected)
    losses = distiller(**out, mode='loss')
    (losses['loss_kd'] + losses['loss_cls']).backward()
    assert distiller.student.backbone.conv1.conv.weight.grad.abs().sum() > 0


def test_several_clips_of_a_sample_are_as_samples_of_one_clip():
    distiller = build_with_head().train()
    several = batch(3, clips=2, labels=[0, 3, 1])
    single = dict(
        inputs=[clip[None] for clips in several['inputs'] for clip in clips],
        data_samples=[sample.clone() for sample in several['data_samples'] for _ in range(2)],
    )
    one, other = (losses_of(copy.deepcopy(distiller), data) for data in (several, single))
    assert one.keys() == other.keys() >= {'loss_cls', 'loss_kd'}
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_features_of_two_pathways_are_pooled_each_and_concatenated():
    def pathway(channels, **options):
        return dict(
            type='resnet3d',
            depth=18,
            pretrained=None,
            base_channels=channels,
            conv1_kernel=(1, 3, 3),
            conv1_stride_t=1,
            pool1_stride_t=1,
            inflate=(0, 0, 1, 1),
            norm_eval=False,
            **options,
        )

    student = dict(
        type='Recognizer3D',
        backbone=dict(
            type='ResNet3dSlowFast',
            pretrained=None,
            resample_rate=2,
            speed_ratio=2,
            channel_ratio=2,
            slow_pathway=pathway(8, lateral=True),
            fast_pathway=pathway(4, lateral=False),
        ),
        cls_head=dict(type='SlowFastHead', in_channels=96, num_classes=5, average_clips='prob'),
        data_preprocessor=dict(type='ActionDataPreprocessor', mean=MEAN, std=STD, format_shape='NCTHW'),
    )
    term = dict(distillation_head(), student_connector=dict(type='LinearProjection', in_channels=96, out_channels=7))
    distiller = MODELS.build(dict(type='Distiller', student=student, teacher=teacher_config(), terms=dict(kd=term)))
    assert losses_of(distiller.train(), batch(2, frames=8, pixels=32))['loss_kd'] > 0
    sample = distiller.eval().val_step(batch(1, frames=8, pixels=32))[0]
    assert sample.clip_features.shape == (96,)


def test_a_teacher_does_not_change_what_the_student_and_the_connectors_start_from():
    image, video = (
        build(teacher=teacher, terms=dict(kd=dict(distillation_head(), teacher='logits', student_connector=None)))
        for teacher in (teacher_config(), dict(type='RecognizerTeacher', recognizer=student_config()))
    )
    assert all(torch.equal(value, image.state_dict()[name]) for name, value in video.state_dict().items())


@pytest.mark.parametrize('kind', ['Distiller', 'AdversarialDistiller', 'MutualDistiller'])
def test_a_distiller_can_be_pickled_and_is_the_same_after(kind):
    """As spawned processes and ``torch.save`` of a model need it."""
    options = {
        'Distiller': {},
        'MutualDistiller': dict(peers=dict(twin=student_config()), loss=dict(type='KLDivergence')),
        'AdversarialDistiller': dict(
            discriminator=dict(type='Discriminator', in_channels=8, widths=(6,)),
            adversarial=dict(
                loss=dict(type='BCEAdversarial'),
                student_connector=dict(type='LinearProjection', in_channels=32, out_channels=8),
            ),
        ),
    }[kind]
    torch.manual_seed(0)
    model = MODELS.build(
        dict(
            type=kind,
            student=student_config(),
            teacher=teacher_config(),
            student_view=dict(size=16),
            terms=dict(kd=distillation_head()),
            **options,
        )
    ).train()
    copied = pickle.loads(pickle.dumps(model))
    one, other = (network(**network.data_preprocessor(batch(), True), mode='loss') for network in (model, copied))
    assert one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)
    assert copied.data_preprocessor.teacher_views()[''] == model.teachers[''].view


def test_a_deep_copy_asks_its_own_terms_which_views_are_needed():
    model = build_with_head()
    copied = copy.deepcopy(model)
    copied.criterion.terms['kd'].weight = 0.0
    assert not copied.data_preprocessor.teacher_views() and model.data_preprocessor.teacher_views()


def test_without_labels_a_step_in_which_all_terms_are_scheduled_to_0_changes_nothing():
    model = MODELS.build(
        distiller_config(
            use_labels=False, terms=dict(kd=dict(distillation_head(), weight_schedule=[(0.0, 0.0), (1.0, 0.0)]))
        )
    ).train()
    before = copy.deepcopy(dict(model.named_parameters()))
    logged = model.train_step(batch(), OptimWrapper(torch.optim.SGD(model.parameters(), lr=0.1)))
    assert logged['loss'] == 0
    assert all(torch.equal(before[name], parameter) for name, parameter in model.named_parameters())
