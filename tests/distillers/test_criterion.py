import pytest
import torch
from mmengine.logging import MessageHub

from kdtoolbox.distillers import Criterion, scheduled_weight
from kdtoolbox.distillers.distiller import training_progress


def term(**options):
    return dict(loss=dict(type='L2'), **options)


def run(criterion, progress=0.0):
    student, teacher = {'logits': torch.full((2, 3), 3.)}, {'logits': torch.full((2, 3), 1.)}
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
    criterion = Criterion(dict(kd=term(student_connector=[dict(type='GlobalPool'), dict(type='LinearProjection',
                                                          in_channels=4, out_channels=3)])))
    loss = criterion({'logits': torch.randn(2, 4, 2, 3, 3)}, {'logits': torch.randn(2, 3)}, labels=None,
                     sample_ids=None, progress=0.0)
    assert loss['loss_kd'] > 0


@pytest.mark.parametrize('name', ['half', 'a.b', ''])
def test_a_name_that_torch_cannot_hold_is_refused(name):
    with pytest.raises(ValueError, match='not a usable name'):
        Criterion({name: term()})
