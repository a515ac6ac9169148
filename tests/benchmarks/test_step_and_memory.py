"""The step and memory benchmarks run, and measure what they say."""

import pytest
import torch
from mmengine.registry import init_default_scope

from benchmarks import step
from benchmarks.memory import LiveStorages
from benchmarks.step_models import LOSSES, SIZES, by_hand, clips_of, kd_config, stepping
from kdtoolbox.registry import MODELS
from tests.conftest import REPOSITORY

TINY, CPU = SIZES['tiny'], torch.device('cpu')


@pytest.fixture(scope='module', autouse=True)
def scope():
    init_default_scope('kdtoolbox')


def test_the_loop_by_hand_learns_the_same_as_the_toolbox():
    """Same networks, same clips: the first loss of both is the same, so the comparison is a fair one."""
    batch = clips_of(TINY)
    torch.manual_seed(0)
    ours = MODELS.build(kd_config(TINY)).train()
    hand = by_hand(TINY, CPU, batch)
    cells = dict(zip(hand.__code__.co_freevars, (cell.cell_contents for cell in hand.__closure__)))
    student = cells['student']
    student.dropout.p = ours.student.cls_head.dropout.p = 0.0
    student.backbone.load_state_dict(ours.student.backbone.state_dict())
    student.classifier.load_state_dict(ours.student.cls_head.fc_cls.state_dict())
    projection = ours.criterion.terms['kd'].student_connector
    student.projection.load_state_dict({name.split('.')[-1]: value for name, value in projection.state_dict().items()})
    cells['teacher'].load_state_dict(next(iter(ours.teachers.values())).network.state_dict())
    losses = ours(**ours.data_preprocessor(batch, True), mode='loss')
    expected = sum(value for name, value in losses.items() if 'loss' in name)
    assert hand().item() == pytest.approx(expected.item(), rel=1e-4)


def test_ratios_are_of_the_same_round_and_goals_are_compared():
    seconds = {step.FLAGSHIP: [2.0, 4.0, 30.0], step.BY_HAND: [1.0, 2.0, 10.0], step.ALONE: [1.0, 1.0, 1.0]}
    assert step.ratio(seconds, step.FLAGSHIP, step.BY_HAND) == 2.0
    assert step.reached(seconds) == {'kd / written by hand': {'goal': 'at most 1.03', 'found': 2.0, 'reached': False}}


def test_a_way_that_fails_is_said_and_leaves_the_others():
    def fails():
        raise ValueError('no')

    steps, failed = step.built({'one': lambda: lambda: None, 'other': fails})
    assert list(steps) == ['one'] and failed == {'other': 'ValueError: no'}


def test_there_is_a_config_for_each_of_the_ten_losses_and_for_each_distiller():
    assert len(LOSSES) == 10
    assert all((REPOSITORY / f'configs/methods/{name}.py').is_file() for name in LOSSES)
    assert all((REPOSITORY / f'configs/{name}.py').is_file() for name in step.DISTILLERS.values())


def test_live_storages_count_each_once_and_forget_what_is_freed():
    weight = torch.ones(1000)
    with LiveStorages() as storages:
        view = weight.view(10, 100)  # of something that was there before
        first = view * 2
        second = (first.t() * 2).sum()
        assert storages.now == 4000 + 4
        del first
        assert storages.now == 4
        assert second == 4000
    assert storages.peak == 2 * 4000 + 4


@pytest.mark.parametrize('options', [dict(accumulative_counts=2), dict(optimizer=dict(fused=True))])
def test_a_step_is_built_with_options_of_the_optimizer(options):
    call = stepping(kd_config(TINY), CPU, clips_of(TINY), **options)
    assert all(value.isfinite() for value in call().values())
