"""Channels and connectors that are 'auto': found by the forward pass on noise."""

import copy

import pytest
import torch
from mmengine.optim import OptimWrapper
from torch import nn

from kdtoolbox.criterion import from_config
from kdtoolbox.criterion.connections import build_connector, connect_pair
from kdtoolbox.criterion.network_runs import NetworkRun, NetworkRuns
from kdtoolbox.criterion.shape_inference import choose
from tests.criterion.built_terms import (
    AUTO,
    build,
    noisy,
    random_states,
    video_teacher,
)
from tests.tiny import batch, distillation_head, teacher_config


def test_auto_gives_the_very_model_that_the_typed_numbers_give():
    def terms(*, head, late_head, channels):
        def linear(in_channels, out_channels):
            return dict(type='LinearProjection', in_channels=in_channels, out_channels=out_channels)

        return dict(
            kd=dict(distillation_head(), student_connector=linear(*head)),
            late=dict(
                loss=dict(type='L2'),
                student='backbone.layer3',
                teacher='features',
                weight_schedule=[(0, 0), (1, 1)],
                student_connector=[dict(type='GlobalPool'), linear(*late_head)],
                teacher_connector=dict(type='Standardize', channels=channels),
            ),
        )

    typed = build(terms(head=(32, 7), late_head=(16, 8), channels=8))
    states = random_states()
    filled = build(terms(head=(AUTO, AUTO), late_head=(AUTO, AUTO), channels=AUTO))
    assert random_states() == states
    assert filled.state_dict().keys() == typed.state_dict().keys()
    for name, value in typed.state_dict().items():
        assert torch.equal(value, filled.state_dict()[name]), name
    assert filled.criterion.terms.late.teacher_connector.count == 0  # the noise is in no statistics
    assert filled.criterion.terms.late.chosen == (
        'student_connector: GlobalPool(), LinearProjection(in_channels=16, out_channels=8)',
        'teacher_connector: Standardize(channels=8)',
    )


@pytest.mark.parametrize(
    'student, teacher, kinds',
    [
        ((6,), (6,), []),
        ((6,), (4,), ['LinearProjection']),
        ((6, 4, 8, 8), (4,), ['GlobalPool', 'LinearProjection']),
        ((6, 4), (6,), ['GlobalPool']),
        ((6, 4, 8, 8), (6, 4, 8, 8), []),
        ((6, 4, 8, 8), (4, 2, 3, 9), ['MatchSpace', 'TemporalAlign', 'MapProjection']),
        ((6, 2, 8, 8), (6, 4, 8, 8), ['TemporalAlign']),
        ((6, 4, 8, 8), (6, 4, 7, 7), ['MatchSpace']),
        ((6, 4, 8, 8), (5, 2), ['MapProjection', 'SpacePool', 'TemporalAlign']),
        ((6, 4), (6, 2), ['TemporalAlign']),
    ],
)
def test_the_chosen_connectors_lead_to_the_teachers_shape(student, teacher, kinds):
    x, target = torch.randn(2, *student), torch.randn(2, *teacher)
    layers = choose(x, target)
    assert [layer['type'] for layer in layers] == kinds
    runs = NetworkRuns(NetworkRun('student', 8, 1, None), {'': NetworkRun('teacher', 4, 2, None)})
    out, _ = connect_pair(build_connector(layers), nn.Identity(), x, target, runs=runs, teacher_paths=('a',))
    assert out.shape == target.shape


@pytest.mark.parametrize(
    'student, teacher', [((6,), (6, 4, 8, 8)), ((6, 4), (6, 4, 8, 8)), ((6, 4), (5, 4)), ((6, 8, 8), (6, 4, 8, 8))]
)
def test_where_no_connectors_lead_auto_is_refused(student, teacher):
    with pytest.raises(ValueError, match='knows no way'):
        choose(torch.zeros(2, *student), torch.zeros(2, *teacher))


def test_an_auto_connector_trains_between_maps_of_an_image_and_a_video_network():
    terms = dict(hint=dict(loss=dict(type='L2'), student='backbone.layer3', teacher='layer2', student_connector=AUTO))
    distiller = build(terms, clip_shape=(8, 16, 16)).train()
    term = distiller.criterion.terms.hint
    assert [type(layer).__name__ for layer in term.student_connector] == ['MatchSpace', 'MapProjection']
    assert term.describe()['student_shape'] == (16, 4, 4, 4) and term.describe()['teacher_shape'] == (8, 4, 6, 6)
    assert term.describe()['student_connected'] == (8, 4, 6, 6)
    assert 'MatchSpace(size=(6, 6)), MapProjection(in_channels=16' in term.chosen[0]
    before = copy.deepcopy(term.state_dict())
    wrapper = OptimWrapper(torch.optim.SGD(distiller.parameters(), lr=0.1))
    distiller.train_step(batch(2, frames=8), wrapper)
    assert any(not torch.equal(value, before[name]) for name, value in term.state_dict().items())


def test_what_auto_chose_is_logged_a_line_a_term(monkeypatch):
    lines = []
    monkeypatch.setattr(from_config, 'print_log', lambda line, *_: lines.append(line))
    terms = dict(
        kd=dict(distillation_head(), student_connector=AUTO),
        same=dict(distillation_head(), student_connector=[AUTO]),
        typed=distillation_head(),
    )
    build(terms)
    assert lines == [
        "term 'kd', auto: student_connector: LinearProjection(in_channels=32, out_channels=7)",
        "term 'same', auto: student_connector: LinearProjection(in_channels=32, out_channels=7)",
    ]


def test_an_auto_connector_between_equal_shapes_is_none():
    distiller = build(dict(kd=dict(loss=dict(type='L2'), student_connector=AUTO)), teacher=video_teacher())
    assert isinstance(distiller.criterion.terms.kd.student_connector, nn.Identity)
    assert distiller.criterion.terms.kd.chosen == ('student_connector: none needed',)


def test_a_learning_loss_gets_the_channels_behind_the_connectors():
    term = dict(
        loss=noisy(),
        student='backbone.layer2',
        teacher='layer1',
        student_connector=dict(type='MapProjection', in_channels=AUTO, out_channels=5),
    )
    assert build(dict(one=term)).criterion.terms.one.loss.channels == (5, 6)
    wrapped = build(dict(one=dict(term, loss=dict(type='Wrapping', loss=noisy()))))
    assert wrapped.criterion.terms.one.loss.loss.channels == (5, 6)


def test_with_several_taps_the_channels_are_lists():
    term = dict(loss=noisy(), student=['backbone.layer1', 'backbone.layer3'], teacher=['layer1', 'layer2'])
    assert build(dict(one=term)).criterion.terms.one.loss.channels == ([4, 16], [6, 8])


@pytest.mark.parametrize(
    'term, message',
    [
        (dict(teacher_connector=AUTO), 'only the student'),
        (dict(student=['features', 'logits'], student_connector=AUTO), 'fits one tensor to one'),
        (dict(teacher=None, student_connector=AUTO), 'fits one tensor to one'),
        (
            dict(
                student='features',
                teacher='logits',
                teacher_connector=dict(type='LinearProjection', in_channels=AUTO, out_channels=AUTO),
            ),
            "LinearProjection has out_channels='auto', which nothing tells",
        ),
        (dict(teacher=None, loss=noisy()), "NoisyWithChannels has teacher_channels='auto', which nothing tells"),
        (
            dict(
                student='backbone.layer4',
                student_connector=dict(type='LinearProjection', in_channels=AUTO, out_channels=3),
            ),
            r"term 'kd', student \(2, 32, 1, 2, 2\).*pool maps first",
        ),
    ],
)
def test_what_the_shapes_do_not_tell_is_refused(term, message):
    with pytest.raises(ValueError, match=message):
        build(dict(kd=dict(dict(loss=dict(type='L2')), **term)))


def test_auto_without_any_size_asks_for_the_clip():
    with pytest.raises(ValueError, match=r"terms \['virtual'\]: nothing tells the size.*set clip_shape"):
        build(dict(virtual=dict(loss=noisy(), teacher=None)), clip_shape=None, teacher=None)


@pytest.mark.parametrize(
    'tap, term',
    [
        ('logits', dict(student='features', student_connector=AUTO, loss=dict(type='L2'))),
        (
            'features',
            dict(
                student='features',
                loss=dict(type='L2'),
                student_connector=dict(type='LinearProjection', in_channels=AUTO, out_channels=AUTO),
            ),
        ),
    ],
)
def test_auto_does_not_take_the_frames_of_an_unpooled_teacher_for_channels(tap, term):
    with pytest.raises(ValueError, match=f"term 'kd': .*time before channels: tap 'frame_{tap}'"):
        build(dict(kd=dict(term, teacher=tap)), teacher=teacher_config(pooling='none'))
    with pytest.raises(ValueError, match=f"tap 'image.frame_{tap}'"):
        build(dict(kd=dict(term, teacher=f'image.{tap}')), teacher=dict(image=teacher_config(pooling='none')))
    model = build(
        dict(kd=dict(term, student='backbone.layer4', teacher='frame_logits', student_connector=AUTO)),
        teacher=teacher_config(pooling='none'),
    )
    assert model.criterion.terms['kd'].shapes['student_connected'] == (7, 2)
