import copy
from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmengine.logging import MessageHub
from torch import nn

from kdtoolbox.criterion import Criterion, Term, scheduled_weight
from kdtoolbox.criterion.network_runs import NetworkRun, NetworkRuns, teacher_classifier
from kdtoolbox.distillers.distiller import training_progress
from kdtoolbox.registry import MODELS


def term(**options):
    return dict(loss=dict(type='L2'), **options)


def run(criterion, progress=0.0):
    student, teacher = {'logits': torch.full((2, 3), 3.0)}, {'logits': torch.full((2, 3), 1.0)}
    return criterion(student, teacher, labels=None, sample_ids=None, progress=progress)


def test_the_weight_multiplies_the_loss():
    losses = run(Criterion(dict(kd=term(), weak=term(weight=0.5))))
    assert {name: value.item() for name, value in losses.items()} == {'loss_kd': 4.0, 'loss_weak': 2.0}


def test_a_schedule_runs_straight_between_its_points_and_stays_at_its_ends():
    points = [(0.2, 0.0), (0.4, 1.0), (0.8, 0.5)]
    weights = [scheduled_weight(2.0, points, progress) for progress in (0.0, 0.2, 0.3, 0.4, 0.6, 0.8, 1.0)]
    assert weights == pytest.approx([0, 0, 1, 2, 1.5, 1, 1])


def test_a_term_whose_weight_is_0_now_is_not_computed():
    criterion = Criterion(dict(kd=term(weight_schedule=[(0, 0), (1, 1)]), late=term()))
    assert list(run(criterion, 0.0)) == ['loss_late']
    assert sorted(run(criterion, 0.5)) == ['loss_kd', 'loss_late']


def test_progress_is_that_of_the_running_training():
    hub = MessageHub.get_instance('progress test')
    assert training_progress() == 0.0
    hub.update_info('max_iters', 200)
    hub.update_info('iter', 50)
    assert training_progress() == 0.25


@pytest.mark.parametrize('schedule', [[(0.5, 1), (0.2, 0)], [(0, 1), (2, 0)], [(0.1, 1), (0.1, 0)]])
def test_a_schedule_that_does_not_rise_is_refused(schedule):
    with pytest.raises(ValueError, match='must rise in progress'):
        Criterion(dict(kd=term(weight_schedule=schedule)))


def test_connectors_in_a_list_run_in_turn():
    criterion = Criterion(
        dict(
            kd=term(
                student_connector=[
                    dict(type='GlobalPool'),
                    dict(type='LinearProjection', in_channels=4, out_channels=3),
                ]
            )
        )
    )
    loss = criterion(
        {'logits': torch.randn(2, 4, 2, 3, 3)},
        {'logits': torch.randn(2, 3)},
        labels=None,
        sample_ids=None,
        progress=0.0,
    )
    assert loss['loss_kd'] > 0


@pytest.mark.parametrize('connector', ['GlobalPool', 'auto', [dict(type='GlobalPool'), 'auto']])
def test_a_connector_that_is_no_config_is_refused(connector):
    with pytest.raises(ValueError, match="term 'kd': connector .* expected a config such as"):
        Criterion(dict(kd=term(student_connector=connector)))


@pytest.mark.parametrize('name', ['half', 'a.b', ''])
def test_a_name_that_torch_cannot_hold_is_refused(name):
    with pytest.raises(ValueError, match='not a usable name'):
        Criterion({name: term()})


@MODELS.register_module(force=True)
class TellsTimes(nn.Module):
    """A connector that keeps the times it is told; ``keep`` drops all but that many steps."""

    def __init__(self, keep=None) -> None:
        super().__init__()
        self.keep = keep

    def forward(self, x, times, target_times):
        self.told = times.tolist(), target_times.tolist()
        return x[:, :, : self.keep]


@MODELS.register_module(force=True)
class TellsTargetTimes(nn.Module):
    """A connector that asks for the other side's times alone."""

    def forward(self, x, target_times):
        self.told = target_times.tolist()
        return x


@MODELS.register_module(force=True)
class TakesAnything(nn.Module):
    """A loss that keeps what it asked for."""

    def forward(self, student, teacher, progress, student_classifier, teacher_classifier):
        self.seen = progress, student_classifier, teacher_classifier
        return student.mean()


SHOWN = NetworkRuns(
    NetworkRun('student', 8, 1, lambda: 'its head'), {'': NetworkRun('teacher', 4, 2, lambda: 'its probe')}
)


def told(student, teacher, runs=SHOWN, path='map', **connectors):
    criterion = Criterion(dict(kd=dict(loss=dict(type='Product'), student='map', teacher=path, **connectors)))
    criterion({'map': student}, {path: teacher}, labels=None, sample_ids=None, progress=0.0, runs=runs)
    return criterion.terms.kd


@MODELS.register_module(force=True)
class Product(nn.Module):
    """A loss that takes any two shapes."""

    def forward(self, student, teacher):
        return student.mean() * teacher.mean()


def test_connectors_that_ask_get_the_times_of_both_sides():
    # The student sees frames 0 to 7 and has 2 steps; the teacher sees 0, 2, 4, 6 and has a step for each.
    student, teacher = torch.randn(2, 3, 2, 5, 5), torch.randn(2, 3, 4)
    term = told(student, teacher, student_connector=dict(type='TellsTimes'), teacher_connector=dict(type='TellsTimes'))
    assert term.student_connector.told == ([1.5, 5.5], [0.0, 2.0, 4.0, 6.0])
    assert term.teacher_connector.told == ([0.0, 2.0, 4.0, 6.0], [1.5, 5.5])


def test_in_a_list_each_connector_gets_the_times_of_what_reaches_it():
    term = told(
        torch.randn(2, 3, 4, 5, 5),
        torch.randn(2, 3, 4),
        student_connector=[dict(type='GlobalPool'), dict(type='TellsTargetTimes')],
    )
    assert term.student_connector[1].told == [0.0, 2.0, 4.0, 6.0]
    term = told(
        torch.randn(2, 3, 4, 5, 5),
        torch.randn(2, 3, 4),
        student_connector=[dict(type='TellsTimes', keep=2), dict(type='TellsTimes')],
    )
    assert term.student_connector[0].told[0] == [0.5, 2.5, 4.5, 6.5]
    assert term.student_connector[1].told[0] == [1.5, 5.5]


def test_the_times_are_those_of_the_terms_own_teacher():
    runs = NetworkRuns(
        SHOWN.student, {'fast': NetworkRun('teacher fast', 4, 2, None), 'slow': NetworkRun('teacher slow', 2, 4, None)}
    )
    term = told(
        torch.randn(2, 3, 2), torch.randn(2, 3, 2), runs, path='slow.map', student_connector=dict(type='TellsTimes')
    )
    assert term.student_connector.told == ([1.5, 5.5], [0.0, 4.0])


@pytest.mark.parametrize(
    'student, teacher, message',
    [
        (torch.zeros(2, 3), torch.zeros(2, 3, 4), r'of the student are.*\(2, 3\)'),
        (torch.zeros(2, 3, 4), torch.zeros(2, 3), r'of the teacher are.*\(2, 3\)'),
        (torch.zeros(2, 3, 4), torch.zeros(2, 3, 1, 4, 8, 8), r'of the teacher are.*\(2, 3, 1, 4, 8, 8\)'),
    ],
)
def test_asking_for_the_times_of_what_has_none_is_refused(student, teacher, message):
    with pytest.raises(ValueError, match="term 'kd'.*a connector asks when the steps " + message):
        told(student, teacher, student_connector=dict(type='TellsTimes'))


def test_a_loss_gets_progress_and_the_classifiers_it_asks_for():
    criterion = Criterion(dict(kd=dict(loss=dict(type='TakesAnything'))))
    criterion(
        {'logits': torch.zeros(2, 3)},
        {'logits': torch.zeros(2, 3)},
        labels=None,
        sample_ids=None,
        progress=0.25,
        runs=SHOWN,
    )
    assert criterion.terms.kd.loss.seen == (0.25, 'its head', 'its probe')


def test_asking_about_the_teacher_in_a_term_of_several_is_refused():
    criterion = Criterion(dict(kd=dict(loss=dict(type='TakesAnything'), teacher=['a.logits', 'b.logits'])))
    runs = NetworkRuns(SHOWN.student, {'a': SHOWN.teachers[''], 'b': SHOWN.teachers['']})
    with pytest.raises(ValueError, match=r"the term taps several, \['a', 'b'\]"):
        criterion(
            {'logits': torch.zeros(2, 3)},
            {'a.logits': torch.zeros(2, 3), 'b.logits': torch.zeros(2, 3)},
            labels=None,
            sample_ids=None,
            progress=0.0,
            runs=runs,
        )


def test_what_a_loss_needs_is_read_off_its_card_through_wrappers():
    dkd = dict(type='LogitStandardization', loss=dict(type='DKD'))
    terms = Criterion(dict(plain=term(), wrapped=dict(loss=dkd))).terms
    assert (terms.plain.min_batch_size, terms.plain.min_classes, terms.plain.needs_labels) == (1, 1, False)
    assert (terms.wrapped.min_classes, terms.wrapped.needs_labels) == (3, True)


def test_a_copied_term_with_a_wrapped_loss_is_one_of_its_own():
    one = Criterion(dict(kd=dict(loss=dict(type='TemperatureCurriculum', loss=dict(type='KLDivergence')))))
    other = copy.deepcopy(one)
    pair = {'logits': torch.randn(2, 3, requires_grad=True)}, {'logits': torch.randn(2, 3)}
    other(*pair, labels=None, sample_ids=None, progress=1.0)['loss_kd'].backward()
    assert other.terms.kd.loss.theta.grad is not None and one.terms.kd.loss.theta.grad is None


@MODELS.register_module(force=True)
class SumOfShapes(nn.Module):
    """0 in value; keeps the shapes of what it was given."""

    def forward(self, student, teacher):
        self.seen = [tuple(one.shape) for one in (*student, *teacher)]
        return sum((one - other).sum() for one, other in zip(student, teacher)) * 0


def two_taps(**connectors):
    return Term('kd', loss=dict(type='SumOfShapes'), student=['a', 'b'], teacher=['a', 'b'], **connectors)


def test_with_several_taps_each_is_connected_by_itself_at_its_own_times():
    term = two_taps(
        teacher_connector=[dict(type='TemporalAlign'), dict(type='MatchSpace', size=(2, 2))],
    )
    runs = NetworkRuns(NetworkRun('student', 8, 1, None), {'': NetworkRun('teacher', 4, 2, None)})
    student = {'a': torch.zeros(2, 3, 8, 2, 2), 'b': torch.zeros(2, 5, 2, 2, 2)}
    teacher = {'a': torch.zeros(2, 3, 4, 6, 6), 'b': torch.zeros(2, 5, 4, 3, 3)}
    term(student, teacher, {}, runs=runs)
    assert term.loss.seen == [(2, 3, 8, 2, 2), (2, 5, 2, 2, 2)] * 2


def test_a_connector_that_learns_cannot_serve_several_taps():
    term = two_taps(
        student_connector=dict(type='MapProjection', in_channels=3, out_channels=3),
    )
    maps = {name: torch.zeros(2, 3, 4, 2, 2) for name in 'ab'}
    with pytest.raises(ValueError, match="term 'kd'.*MapProjection learns, so one cannot serve 2 taps"):
        term(maps, maps, {})
    term = two_taps(teacher_connector=dict(type='Standardize', channels=3))  # whose statistics would be of both
    with pytest.raises(ValueError, match="term 'kd'.*Standardize learns, so one cannot serve 2 taps"):
        term(maps, maps, {})


@MODELS.register_module(force=True)
class Gives(nn.Module):
    """A loss whose value is what it is told."""

    def __init__(self, value) -> None:
        super().__init__()
        self.value = value

    def forward(self, student, teacher):
        return self.value


@pytest.mark.parametrize('gate', [None, dict(type='ConfidenceGate', threshold=0.1)])
@pytest.mark.parametrize(
    'value, words',
    [
        (None, 'NoneType None'),
        (0.5, 'float 0.5'),
        (np.float32(1), 'float32 '),
        (dict(loss=1), "dict {'loss': 1}"),
        (torch.zeros(2), r'\(2,\)'),
    ],
)
def test_a_loss_that_gives_no_scalar_tensor_is_refused_by_its_name(value, words, gate):
    with pytest.raises(ValueError, match=f"term 'kd'.* Gives gave {words}.*, expected a scalar tensor"):
        run(Criterion(dict(kd=dict(loss=dict(type='Gives', value=value), gate=gate))))


def test_a_connector_that_learns_is_refused_on_the_teachers_side_which_gets_no_gradient():
    learns = dict(type='LinearProjection', in_channels=3, out_channels=3)
    for connector in (learns, [dict(type='GlobalPool'), learns]):
        with pytest.raises(ValueError, match="term 'kd': the teacher_connector has parameters"):
            Criterion(dict(kd=term(teacher_connector=connector)))
    Criterion(dict(kd=term(teacher_connector=dict(type='Standardize', channels=3), student_connector=learns)))


@pytest.mark.parametrize('convolution', [nn.Conv2d(6, 4, 1), nn.Conv3d(6, 4, 1, bias=False)])
def test_a_classifier_that_is_a_1x1_convolution_is_given_as_the_linear_layer_it_is(convolution):
    teacher = SimpleNamespace(network=nn.ModuleDict(dict(top=convolution)), classifier='top')
    maps = torch.randn(3, 6, *[5] * len(convolution.kernel_size))
    linear = teacher_classifier(teacher)
    torch.testing.assert_close(linear(maps.flatten(2).mean(2)), convolution(maps).flatten(2).mean(2))
    assert linear.in_features == 6


def test_a_convolution_over_several_places_is_no_classifier_of_pooled_features():
    teacher = SimpleNamespace(network=nn.ModuleDict(dict(top=nn.Conv2d(6, 4, 3))), classifier='top')
    with pytest.raises(ValueError, match='kernel size 1'):
        teacher_classifier(teacher)


@pytest.mark.parametrize(
    'loss, options',
    [
        ('SDD', dict(loss=dict(type='KLDivergence'), scales=(1, 2))),
        ('CATKD', {}),
        ('SRRL', dict(student_channels=6, teacher_channels=6)),
    ],
)
def test_losses_that_ask_for_the_teachers_classifier_take_a_convolution_as_its_linear_layer(loss, options):
    convolution, linear = nn.Conv2d(6, 5, 1), nn.Linear(6, 5)
    linear.weight, linear.bias = nn.Parameter(convolution.weight.flatten(1)), convolution.bias
    torch.manual_seed(0)
    student, teacher, values = {'map': torch.randn(3, 6, 2, 4, 4)}, {'map': torch.randn(3, 6, 2, 4, 4)}, []
    for classifier in (convolution, linear):
        torch.manual_seed(0)
        of_teacher = SimpleNamespace(network=nn.ModuleDict(dict(top=classifier)), classifier='top')
        runs = NetworkRuns(
            NetworkRun('student', 2, 1, lambda: nn.Linear(6, 5)),
            {'': NetworkRun('teacher', 2, 1, partial(teacher_classifier, of_teacher))},
        )
        made = Term('kd', loss=dict(type=loss, **options), student='map', teacher='map')
        torch.manual_seed(0)
        values.append(made(student, teacher, {'labels': torch.tensor([0, 4, -1])}, runs=runs))
    torch.testing.assert_close(*values)
