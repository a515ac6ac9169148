import copy
import random

import numpy as np
import pytest
import torch
from mmengine.optim import OptimWrapper
from torch import nn

from kdtoolbox.criterion import building
from kdtoolbox.criterion.connections import build_connector, connect_pair
from kdtoolbox.criterion.dry_run import copy_with_unregistered
from kdtoolbox.criterion.network_runs import NetworkRun, NetworkRuns
from kdtoolbox.criterion.shape_inference import choose
from kdtoolbox.method_card import MethodCard
from kdtoolbox.registry import MODELS
from kdtoolbox.unregistered_modules import UnregisteredModules
from tests.tiny import batch, distillation_head, student_config, teacher_config

CLIP = (4, 16, 16)
AUTO = 'auto'


@MODELS.register_module(force=True)
class NoisyWithChannels(nn.Module):
    """A loss that learns, keeps statistics and draws random numbers."""

    def __init__(self, student_channels, teacher_channels) -> None:
        super().__init__()
        self.channels = (student_channels, teacher_channels)
        self.weight = nn.Parameter(torch.randn(3))
        self.register_buffer('num_calls', torch.zeros(()))

    def forward(self, student, teacher):
        self.num_calls += 1
        tensors = student if isinstance(student, tuple) else (student,)
        return sum(tensor.mean() for tensor in tensors) * self.weight.mean() + torch.rand(()) + np.random.rand()


@MODELS.register_module(force=True)
class Wrapping(nn.Module):
    """A loss around a loss."""

    def __init__(self, loss) -> None:
        super().__init__()
        self.loss = MODELS.build(loss)

    def forward(self, student, teacher):
        return self.loss(student, teacher)


def noisy(**channels):
    return dict(type='NoisyWithChannels', student_channels=AUTO, teacher_channels=AUTO, **channels)


def build(terms, *, seed=0, **options):
    torch.manual_seed(seed)
    np.random.seed(seed)
    random.seed(seed)
    options = {'teacher': teacher_config(), 'clip_shape': CLIP, **options}
    return MODELS.build(dict(type='Distiller', student=student_config(dropout=0.5), terms=terms, **options))


def video_teacher():
    return dict(type='RecognizerTeacher', recognizer=student_config(), view=dict(size=16))


def random_states():
    return torch.get_rng_state().tolist(), np.random.get_state()[1].tolist(), random.getstate()


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
    monkeypatch.setattr(building, 'print_log', lambda line, *_: lines.append(line))
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


def test_the_clip_is_16_frames_of_the_students_view_unless_said():
    terms = dict(hint=dict(loss=noisy(), student='backbone.layer1', teacher='layer1'))
    shapes = build(terms, clip_shape=None, student_view=dict(size=(8, 12), frame_stride=2)).criterion.terms.hint.shapes
    assert shapes['student_shape'] == (4, 8, 8, 12) and shapes['teacher_shape'] == (6, 8, 12, 12)
    shapes = build(terms, clip_shape=(10, 20, 20), student_view=dict(size=8)).criterion.terms.hint.shapes
    assert shapes['student_shape'] == (4, 10, 8, 8) and shapes['teacher_shape'] == (6, 5, 12, 12)
    shapes = build(terms, clip_shape=None).criterion.terms.hint.shapes  # nothing but the teacher's view tells
    assert shapes['student_shape'] == (4, 16, 24, 24)


def test_nothing_runs_where_the_clip_is_unknown_or_there_are_no_terms(monkeypatch):
    monkeypatch.setattr(building, 'run_networks', lambda *args, **options: pytest.fail('ran'))
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
    monkeypatch.setattr(building, 'print_log', lambda line, *_: warnings.append(line))
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
