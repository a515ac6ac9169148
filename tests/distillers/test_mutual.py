"""Mutual learning: who teaches whom, and what is left of it in the first student."""

import copy

import pytest
import torch

from kdtoolbox.distillers import MutualDistiller
from kdtoolbox.registry import MODELS
from tests.engine.test_runs import assert_same, train
from tests.tiny import batch, distillation_head, run_config, student_config, teacher_config


def build(**options) -> MutualDistiller:
    torch.manual_seed(0)
    config = dict(
        type='MutualDistiller',
        student=student_config(),
        peers=dict(twin=student_config(), third=student_config()),
        loss=dict(type='KLDivergence'),
        student_view=dict(size=16),
    )
    return MODELS.build({**config, **options}).train()


def with_preprocessor(**options) -> dict:
    config = student_config()
    config['data_preprocessor'].update(options)
    return config


def losses_of(model):
    data = model.data_preprocessor(batch(), True)
    return model(**data, mode='loss'), data


def test_each_student_learns_from_the_mean_of_its_peers():
    model = build(weight=0.5)
    losses, data = losses_of(model)
    logits = [
        network(data['inputs'], mode='tensor', stage='head') for network in (model.student, *model.peers.values())
    ]

    def divergence(own, other):
        own, other = own.log_softmax(1), other.log_softmax(1)
        return (other.exp() * (other - own)).sum(1).mean()

    for name, index in (('loss_mutual', 0), ('twin.loss_mutual', 1), ('third.loss_mutual', 2)):
        expected = sum(divergence(logits[index], logits[other]) for other in range(3) if other != index) / 2 * 0.5
        torch.testing.assert_close(losses[name], expected)


def test_a_student_gets_no_gradient_from_what_its_peers_learn():
    model = build()
    losses, _ = losses_of(model)
    losses['twin.loss_mutual'].backward()
    reached = {
        name.split('.')[0] if name.startswith('student') else '.'.join(name.split('.')[:2])
        for name, parameter in model.named_parameters()
        if parameter.grad is not None
    }
    assert reached == {'peers.twin'}


def test_without_weight_each_student_has_its_plain_losses():
    model = build(weight=0.0)
    losses, data = losses_of(model)
    for prefix, network in (('', model.student), ('twin.', model.peers['twin'])):
        plain = network(data['inputs'], data['data_samples'], mode='loss')
        torch.testing.assert_close(losses[f'{prefix}loss_cls'], plain['loss_cls'])
    assert not any('mutual' in name for name in losses)


def test_frozen_teachers_can_teach_the_first_student_beside():
    losses, _ = losses_of(build(teacher=teacher_config(), terms=dict(kd=distillation_head())))
    assert {'loss_kd', 'loss_mutual', 'twin.loss_cls'} <= losses.keys()


def test_without_labels_only_the_teacher_and_the_peers_teach():
    losses, _ = losses_of(build(teacher=teacher_config(), terms=dict(kd=distillation_head()), use_labels=False))
    assert losses.keys() == {'loss_kd', 'loss_mutual', 'twin.loss_mutual', 'third.loss_mutual'}


def test_prediction_is_that_of_the_first_student():
    model = build().eval()
    data = model.data_preprocessor(batch(), False)
    expected = model.student(data['inputs'], copy.deepcopy(data['data_samples']), mode='predict')
    for one, other in zip(model(**data, mode='predict'), expected):
        assert torch.equal(one.pred_scores.item, other.pred_scores.item)


def test_a_run_moves_all_students_and_exports_the_first(tmp_path):
    config = run_config(
        tmp_path,
        epochs=1,
        type='MutualDistiller',
        peers=dict(twin=student_config()),
        loss=dict(type='KLDivergence', temperature=2),
        teacher=None,
        terms={},
    )
    runner = train(config, 'mutual')
    scalars = set(runner.message_hub.log_scalars)
    assert {'train/loss_mutual', 'train/twin.loss_mutual', 'val/retrieval/top1'} <= scalars
    state = torch.load(tmp_path / 'epoch_1.pth', weights_only=True)['state_dict']
    assert {name.split('.')[0] for name in state} == {'student', 'peers'}
    assert_same(dict(runner.model.state_dict()), dict(state))


@pytest.mark.parametrize(
    'change, message',
    [
        (dict(peers={}), 'expected one or more'),
        (dict(peers=dict(student=student_config())), "none of them called 'student'"),
        (dict(peers=dict(twin=student_config(num_classes=9))), 'has 9 classes, the student 5'),
        (
            dict(
                peers=dict(
                    twin={
                        **student_config(),
                        'data_preprocessor': dict(
                            type='ActionDataPreprocessor', mean=[0, 0, 0], std=[1, 1, 1], format_shape='NCTHW'
                        ),
                    }
                )
            ),
            'same data_preprocessor',
        ),
        (dict(peers=dict(twin=with_preprocessor(to_rgb=True))), 'has to_rgb=True .*, the student to_rgb=False'),
        (
            dict(peers=dict(twin=with_preprocessor(blending=dict(type='MixupBlending', num_classes=5)))),
            'blends clips in its data_preprocessor',
        ),
    ],
)
def test_peers_that_do_not_fit_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        build(**change)


def test_peers_load_the_weights_they_name_and_are_initialised_as_the_student(tmp_path):
    torch.manual_seed(1)
    backbone = MODELS.build(student_config()['backbone'])
    torch.save(backbone.state_dict(), tmp_path / 'backbone.pth')
    knowing = student_config()
    knowing['backbone']['pretrained'] = str(tmp_path / 'backbone.pth')
    model = build(peers=dict(twin=student_config(), knowing=knowing))
    model.init_weights()
    assert_same(dict(model.peers['knowing'].backbone.state_dict()), dict(backbone.state_dict()))
    # mmaction2's ResNet3d draws its convolutions by Kaiming's rule for the fan out, torch's default is for the fan in.
    weight = model.peers['twin'].backbone.layer4[0].conv2.conv.weight
    assert weight.std().item() == pytest.approx((2 / (32 * 27)) ** 0.5, rel=0.05)
    assert not torch.equal(weight, model.student.backbone.layer4[0].conv2.conv.weight)


def test_a_peer_whose_name_would_turn_its_accuracy_into_a_loss_is_refused():
    with pytest.raises(ValueError, match="peer 'lossy': .*mmengine adds"):
        build(peers=dict(lossy=student_config()))


def test_peers_scheduled_to_nothing_without_labels_make_a_step_that_changes_nothing():
    model = build(use_labels=False, weight_schedule=[(0.0, 0.0), (1.0, 0.0)])
    losses, _ = losses_of(model)
    total, _ = model.parse_losses(losses)
    total.backward()
    assert total == 0 and all(not p.grad.any() for p in model.student.parameters() if p.grad is not None)


@pytest.mark.parametrize(
    'change, words',
    [
        (dict(loss=dict(type='DKD')), 'DKD asks for labels'),
        (
            dict(loss=dict(type='DIST'), student=student_config(2), peers=dict(twin=student_config(2))),
            'DIST between peers needs 3 classes or more, got 2',
        ),
        (dict(weight_schedule=0.5), r'weight_schedule 0.5: expected points \(progress, factor\)'),
        (dict(weight_schedule=[0.5]), 'expected points'),
    ],
)
def test_what_peers_cannot_compare_by_is_refused_when_built(change, words):
    with pytest.raises(ValueError, match=words):
        build(**change)
