"""Optimizers and schedules do what those of the original do."""

import pytest
import torch
from mmengine.registry import OPTIMIZERS, PARAM_SCHEDULERS

from tests.yaml_experiments.minimal import anc, put, simple, translated

ADAM = {'name': 'Adam', 'learning_rate': 0.01, 'weight_decay': 0.1}
SGD = {'name': 'SGD', 'learning_rate': 0.1, 'momentum': 0.9, 'dampening': 0.3, 'weight_decay': 0.01}


def parameter() -> torch.nn.Parameter:
    return torch.nn.Parameter(torch.tensor([1.0, -2.0]))


@pytest.mark.parametrize(
    'section, make',
    [
        (SGD, lambda params: torch.optim.SGD(params, 0.1, momentum=0.9, dampening=0.3, weight_decay=0.01)),
        (
            {**SGD, 'dampening': 0, 'nesterov': True},
            lambda params: torch.optim.SGD(params, 0.1, momentum=0.9, weight_decay=0.01, nesterov=True),
        ),
        (ADAM, lambda params: torch.optim.Adam(params, 0.01, weight_decay=0.1)),
        (
            {'name': 'RMSProp', 'learning_rate': 0.01, 'momentum': 0.5, 'weight_decay': 0.1},
            lambda params: torch.optim.RMSprop(params, 0.01, momentum=0.5, weight_decay=0.1),
        ),
    ],
)
def test_an_optimizer_makes_the_steps_of_torchs(section, make):
    config = translated(simple(optimizer=section))['optim_wrapper']['optimizer']
    ours, theirs = parameter(), parameter()
    for optimizer, weights in ((OPTIMIZERS.build({**config, 'params': [ours]}), ours), (make([theirs]), theirs)):
        for _ in range(3):
            optimizer.zero_grad()
            weights.square().sum().backward()
            optimizer.step()
    assert torch.equal(ours, theirs)


@pytest.mark.parametrize(
    'section, make',
    [
        (
            {'name': 'MultiStep', 'milestones': [2, 4], 'gamma': 0.5},
            lambda optimizer: torch.optim.lr_scheduler.MultiStepLR(optimizer, [2, 4], 0.5),
        ),
        (
            {'name': 'Exponential', 'gamma': 0.8},
            lambda optimizer: torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.8),
        ),
    ],
)
def test_a_schedule_gives_the_rates_of_torchs(section, make):
    (config,) = translated(simple(scheduler=section))['param_scheduler']
    rates = []
    for build in (lambda optimizer: PARAM_SCHEDULERS.build({**config, 'optimizer': optimizer}), make):
        optimizer = torch.optim.SGD([parameter()], 1.0)
        schedule = build(optimizer)
        rates.append([])
        for _ in range(6):
            rates[-1].append(optimizer.param_groups[0]['lr'])
            optimizer.step()
            schedule.step()
    assert rates[0] == pytest.approx(rates[1])


@pytest.mark.parametrize('epoch_n', [1, 2])
def test_a_plateau_of_the_retrieval_lowers_the_rate_as_in_the_original(epoch_n):
    """The original asks after every epoch with the last result and counts epochs; here evaluations are counted."""
    plateau = {'name': 'ReduceLROnPlateau', 'patience': 3, 'decay_factor': 0.5}
    (config,) = translated(put(simple(scheduler=plateau), 'eval.epoch_n', epoch_n))['param_scheduler']
    top5 = [0.1, 0.2, 0.2, 0.2, 0.2, 0.2, 0.2, 0.3, 0.3, 0.3, 0.3, 0.3]
    ours, theirs = (torch.optim.SGD([parameter()], 1.0) for _ in range(2))
    schedule = PARAM_SCHEDULERS.build({**config, 'optimizer': ours})
    reference = torch.optim.lr_scheduler.ReduceLROnPlateau(theirs, mode='max', factor=0.5, patience=3, threshold=1e-4)
    rates = []
    for epoch in range(epoch_n, len(top5) * epoch_n + 1):
        latest = top5[epoch // epoch_n - 1]
        reference.step(latest)
        if epoch % epoch_n == 0:
            schedule.step({'retrieval/top5': latest})
            rates.append((ours.param_groups[0]['lr'], theirs.param_groups[0]['lr']))
    assert min(rate for rate, _ in rates) < 1
    assert [rate for rate, _ in rates] == [rate for _, rate in rates]


def test_without_a_schedule_the_rate_stays():
    assert translated(simple())['param_scheduler'] == []


def test_an_anc_experiment_has_one_optimizer_and_schedule_for_both():
    config = translated(anc(optimizer=ADAM, scheduler={'name': 'Exponential'}))
    wrapper = config['optim_wrapper']
    assert wrapper['constructor'] == 'AdversarialOptimWrapperConstructor'
    assert (
        wrapper['student']
        == wrapper['discriminator']
        == dict(type='OptimWrapper', optimizer=dict(type='Adam', lr=0.01, weight_decay=0.1))
    )
    assert config['param_scheduler']['student'] == config['param_scheduler']['discriminator'] != []


def test_an_anc_experiment_may_have_one_for_each():
    content = put(anc(s_optimizer=ADAM, d_optimizer=SGD, d_scheduler={'name': 'Exponential'}), 'train.optimizer', ...)
    config = translated(content)
    assert config['optim_wrapper']['student']['optimizer']['type'] == 'Adam'
    assert config['optim_wrapper']['discriminator']['optimizer']['type'] == 'SGD'
    assert (len(config['param_scheduler']['student']), len(config['param_scheduler']['discriminator'])) == (0, 1)
