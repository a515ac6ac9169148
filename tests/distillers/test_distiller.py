import copy
import pickle

import pytest
import torch
from mmengine.optim import OptimWrapper
from torch import nn

from kdtoolbox.registry import MODELS
from tests.tiny import (
    MEAN,
    NUM_TEACHER_CLASSES,
    STD,
    batch,
    distillation_head,
    distiller_config,
    student_config,
    teacher_config,
)


def build(seed=0, **options):
    torch.manual_seed(seed)
    return MODELS.build(dict(type='Distiller', student=student_config(), **options))


def build_with_head(**options):
    return build(teacher=teacher_config(), terms=dict(kd=distillation_head()), student_view=dict(size=16), **options)


def losses_of(model, data):
    return model(**model.data_preprocessor(data, training=True), mode='loss')


def step(model, data, optimizer=None):
    wrapper = OptimWrapper(optimizer or torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, weight_decay=0.1))
    return model.train().train_step(data, wrapper)


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


@pytest.mark.parametrize(
    'options, message',
    [
        (dict(terms=dict(kd=dict(distillation_head(), student='backbone.layer9'))), "no module 'backbone.layer9'"),
        (dict(terms=dict(kd=dict(distillation_head(), teacher='layer7'))), "no module 'layer7'"),
        (
            dict(terms=dict(kd=distillation_head()), teacher=dict(a=teacher_config(), b=teacher_config())),
            'names no teacher',
        ),
        (dict(terms=dict(kd=distillation_head()), teacher=None), 'names no teacher'),
        (dict(terms=dict(kd=dict(student='logits'))), 'has no loss'),
        (dict(terms=dict(kd=dict(distillation_head(), wieght=2))), "unknown .'wieght'"),
        (dict(terms={}, use_labels=False), 'nothing to learn from'),
    ],
)
def test_what_does_not_fit_is_refused_when_built(options, message):
    with pytest.raises(ValueError, match=message):
        build(**{'teacher': teacher_config(), **options})


def test_an_unknown_loss_names_the_nearest():
    with pytest.raises(KeyError, match="no model called 'L22'.*did you mean 'L2'"):
        build(teacher=teacher_config(), terms=dict(kd=dict(distillation_head(), loss=dict(type='L22'))))


def test_classes_that_do_not_fit_are_refused_before_the_first_step():
    terms = dict(kd=dict(loss=dict(type='L2')))
    distiller = build(teacher=teacher_config(), terms=terms)
    before = copy.deepcopy(distiller.state_dict())
    with pytest.raises(ValueError, match=r"term 'kd', student 'logits' \(4, 5\), teacher 'logits' \(4, 7\)"):
        step(distiller, batch())
    parameters = dict(distiller.named_parameters())
    assert all(torch.equal(parameters[name], before[name]) for name in parameters)


def test_a_connector_of_the_wrong_width_says_which():
    term = dict(distillation_head(), student_connector=dict(type='LinearProjection', in_channels=64, out_channels=7))
    with pytest.raises(ValueError, match=r"term 'kd'.*LinearProjection got \(4, 32\).*set in_channels=32"):
        step(build(teacher=teacher_config(), terms=dict(kd=term)), batch())


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


def test_a_term_may_not_take_the_name_of_the_students_own_loss():
    distiller = build(teacher=teacher_config(), terms=dict(cls=distillation_head())).train()
    with pytest.raises(ValueError, match="a loss 'loss_cls' of its own: call the term something else than 'cls'"):
        losses_of(distiller, batch())


def blending_distiller(term=None, **options):
    student = student_config()
    student['data_preprocessor']['blending'] = dict(type='MixupBlending', num_classes=5, alpha=1.0)
    return MODELS.build(
        dict(
            type='Distiller',
            student=student,
            teacher=teacher_config(),
            student_view=dict(size=16),
            terms=dict(kd=term or distillation_head()),
            **options,
        )
    ).train()


def test_student_and_teacher_see_the_same_blend_of_clips():
    distiller, clips = blending_distiller(), batch(4, pixels=48, labels=[0, 1, 2, 4])
    torch.manual_seed(0)
    out = distiller.data_preprocessor(clips, training=True)
    torch.manual_seed(0)
    share, order = torch.distributions.Beta(1.0, 1.0).sample(), torch.randperm(4)
    decoded = torch.cat(clips['inputs']).float()
    blend = share * decoded + (1 - share) * decoded[order]
    view = distiller.teachers[''].view
    torch.testing.assert_close(out['teacher_inputs'][''], view.render(blend).transpose(1, 2))
    plain = build(student_view=dict(size=16)).data_preprocessor
    expected = plain(dict(batch(4, pixels=48), inputs=list(blend.unsqueeze(1))), training=True)['inputs']
    torch.testing.assert_close(out['inputs'], expected)
    ones = torch.eye(5)[[0, 1, 2, 4]]
    labels = torch.stack([sample.gt_labels.item for sample in out['data_samples']])
    torch.testing.assert_close(labels, share * ones + (1 - share) * ones[order])
    losses = distiller(**out, mode='loss')
    assert losses['loss_cls'].isfinite() and losses['loss_kd'].isfinite()


def test_clips_without_labels_are_blended_too_unless_some_have_them():
    clips = batch(4, pixels=48)
    for sample in clips['data_samples']:
        sample.set_gt_labels(-1)
    out = blending_distiller(use_labels=False).data_preprocessor(clips, training=True)
    assert all(sample.gt_labels.item == -1 for sample in out['data_samples'])
    clips['data_samples'][0].set_gt_labels(2)
    with pytest.raises(ValueError, match='MixupBlending blends the labels of clips too, but 3 of 4'):
        blending_distiller().data_preprocessor(clips, training=True)


@pytest.mark.parametrize('loss, words', [(dict(type='DKD'), 'label'), (dict(type='CRD', num_samples=8), 'sample_id')])
def test_terms_that_need_to_know_the_one_clip_are_refused_where_clips_are_blended(loss, words):
    channels = dict(student_channels=32, teacher_channels=8) if loss['type'] == 'CRD' else {}
    source = 'features' if channels else 'logits'
    term = dict(student=source, teacher=source, loss=dict(loss, **channels))
    if not channels:
        term['student_connector'] = dict(type='LinearProjection', in_channels=5, out_channels=7)
    with pytest.raises(ValueError, match=f"term 'kd' asks for the {words} of each clip, but the student blends"):
        blending_distiller(term)


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


def test_a_label_beyond_the_head_is_refused():
    with pytest.raises(ValueError, match='has the label 7, but the student has 5 classes'):
        losses_of(build_with_head().train(), batch(labels=[0, 7, 1, 2]))


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


def test_clips_of_different_sizes_are_refused():
    data = batch(2)
    data['inputs'][1] = data['inputs'][1][..., :8]
    with pytest.raises(ValueError, match='different shapes'):
        step(build_with_head(), data)


def test_a_loss_gets_the_labels_and_sample_ids_it_asks_for():
    seen = {}

    @MODELS.register_module(force=True)
    class AsksForLabels(nn.Module):
        def forward(self, student, teacher, labels, sample_ids):
            seen.update(labels=labels, sample_ids=sample_ids)
            return student.mean()

    distiller = build(teacher=teacher_config(), terms=dict(kd=dict(loss=dict(type='AsksForLabels'))))
    step(distiller, batch(labels=[3, 1, 4, 1]))
    assert seen['labels'].tolist() == [3, 1, 4, 1] and seen['sample_ids'][1] == 'video1'
    with pytest.raises(ValueError, match='needs labels, but use_labels=False'):
        build(teacher=teacher_config(), terms=dict(kd=dict(loss=dict(type='AsksForLabels'))), use_labels=False)


def test_a_loss_that_asks_for_what_there_is_not_is_refused():
    @MODELS.register_module(force=True)
    class AsksForMagic(nn.Module):
        def forward(self, student, teacher, magic):
            return student.mean()

    with pytest.raises(ValueError, match=r'AsksForMagic.forward takes \(student, teacher, magic\)'):
        build(teacher=teacher_config(), terms=dict(kd=dict(loss=dict(type='AsksForMagic'))))


def test_the_probed_teacher_teaches_a_head_of_the_same_classes():
    distiller = build(
        teacher=dict(type='ImageTeacher', model=dict(type='TinyImageNet', num_classes=5), view=dict(size=24)),
        terms=dict(kd=dict(loss=dict(type='KLDivergence', temperature=4.0))),
        student_view=dict(size=16),
    )
    assert losses_of(distiller.train(), batch())['loss_kd'] > 0
    assert NUM_TEACHER_CLASSES != 5


@MODELS.register_module(force=True)
class AsksForClassifiers(nn.Module):
    """The student's features through both classifiers."""

    def forward(self, student, teacher, student_classifier, teacher_classifier):
        self.seen = student_classifier, teacher_classifier
        return student_classifier(student).mean() + teacher_classifier(teacher).mean()


def classifier_term(**options):
    return dict(dict(loss=dict(type='AsksForClassifiers'), student='features', teacher='features'), **options)


def test_a_loss_gets_the_classifiers_of_the_student_and_of_its_teacher():
    video = dict(type='RecognizerTeacher', recognizer=student_config(), view=dict(size=16))
    distiller = build(
        teacher=dict(image=teacher_config(), video=video),
        terms=dict(a=classifier_term(teacher='image.features'), b=classifier_term(teacher='video.features')),
    )
    losses = losses_of(distiller.train(), batch())
    student, of_image = distiller.criterion.terms.a.loss.seen
    assert student is distiller.student.cls_head.fc_cls and of_image is distiller.teachers['image'].network.fc
    assert distiller.criterion.terms.b.loss.seen[1] is distiller.teachers['video'].network.cls_head.fc_cls
    losses['loss_a'].backward()
    assert distiller.student.cls_head.fc_cls.weight.grad.abs().sum() > 0


def test_a_probe_is_the_classifier_of_its_teacher():
    distiller = build(teacher=teacher_config(), terms=dict(kd=classifier_term()))
    distiller.teachers[''].probe = nn.Linear(8, 3)
    losses_of(distiller.train(), batch())
    assert distiller.criterion.terms.kd.loss.seen[1] is distiller.teachers[''].probe


def test_a_copy_asks_its_own_student():
    distiller = build(teacher=teacher_config(), terms=dict(kd=classifier_term())).train()
    copied = copy.deepcopy(distiller)
    losses_of(copied, batch())
    assert copied.criterion.terms.kd.loss.seen[0] is copied.student.cls_head.fc_cls


@pytest.mark.parametrize(
    'teacher, term, message',
    [
        (
            dict(a=teacher_config(), b=teacher_config()),
            classifier_term(teacher=['a.features', 'b.features']),
            'several teachers',
        ),
        (teacher_config(), classifier_term(teacher=None), 'no teacher'),
    ],
)
def test_a_classifier_that_no_single_teacher_has_is_refused_when_built(teacher, term, message):
    with pytest.raises(ValueError, match=f"term 'kd': AsksForClassifiers asks for the teacher's classifier.*{message}"):
        build(teacher=teacher, terms=dict(kd=term))


def test_a_teacher_does_not_change_what_the_student_and_the_connectors_start_from():
    image, video = (
        build(teacher=teacher, terms=dict(kd=dict(distillation_head(), teacher='logits', student_connector=None)))
        for teacher in (teacher_config(), dict(type='RecognizerTeacher', recognizer=student_config()))
    )
    assert all(torch.equal(value, image.state_dict()[name]) for name, value in video.state_dict().items())


def test_a_connector_is_told_the_times_of_what_both_networks_are_shown():
    """The student sees frames 0, 2, 4, 6 of 8, the teacher 0 and 4, where the student's 1st and 3rd are."""
    terms = dict(
        hint=dict(
            loss=dict(type='L2'),
            student='backbone.layer2',
            teacher='layer2',
            student_connector=[dict(type='TemporalAlign'), dict(type='MatchSpace', size=6)],
        )
    )
    teacher = dict(teacher_config(), view=dict(size=24, frame_stride=4))
    distiller = build(teacher=teacher, terms=terms, student_view=dict(size=16, frame_stride=2), clip_shape=(8, 24, 24))
    seen = {}
    align, _match = distiller.criterion.terms.hint.student_connector
    align.register_forward_hook(lambda _, args, kwargs, out: seen.update(kwargs, x=args[0], out=out), with_kwargs=True)
    losses_of(distiller.train(), batch(2, frames=8, pixels=24))
    assert seen['times'].tolist() == [0, 2, 4, 6] and seen['target_times'].tolist() == [0, 4]
    torch.testing.assert_close(seen['out'], seen['x'][:, :, ::2])


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


def test_a_term_inside_of_a_checkpointed_block_is_refused_and_one_of_the_whole_block_is_not():
    student = student_config()
    student['backbone']['with_cp'] = True
    term = dict(loss=dict(type='L2'), teacher='features')
    model, whole = (
        MODELS.build(
            dict(
                type='Distiller',
                student=student,
                teacher=teacher_config(),
                student_view=dict(size=16),
                terms=dict(inside=dict(term, student=path, student_connector='auto')),
            )
        ).train()
        for path in ('backbone.layer3.0.conv1', 'backbone.layer3.0')
    )
    with pytest.raises(
        ValueError, match=r"tap 'backbone.layer3.0.conv1' runs inside of a block that is checkpointed.*with_cp"
    ):
        model(**model.data_preprocessor(batch(), True), mode='loss')
    whole(**whole.data_preprocessor(batch(), True), mode='loss')['loss_inside'].backward()
    assert whole.student.backbone.layer2[0].conv1.conv.weight.grad.any()
