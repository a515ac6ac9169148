"""The learned temperature, and what wrappers of losses pass on."""

import copy

import numpy as np
import pytest
import torch

from kdtoolbox.losses import (
    KLDivergence,
    TemperatureCurriculum,
)
from kdtoolbox.losses.logits.kl_divergence import kl_divergence
from kdtoolbox.losses.shared.wrapped_loss import extra_inputs
from kdtoolbox.registry import MODELS
from tests.losses.random_logits import logits


def curriculum(**options):
    return TemperatureCurriculum(loss=dict(type=KLDivergence), **options).double()


def test_the_temperature_gets_minus_the_strength_times_the_slope_of_the_loss():
    student, teacher = logits()
    loss = curriculum(ramp_share=0.5)

    def at(theta):
        return kl_divergence(student, teacher, temperature=1 + 20 / (1 + np.exp(-theta))).item()

    slope = (at(1 + 1e-5) - at(1 - 1e-5)) / 2e-5
    for progress, strength in [(0, 0), (0.25, 0.5), (0.5, 1), (0.9, 1)]:
        loss.zero_grad()
        loss(student, teacher, progress=progress).backward()
        assert loss.theta.grad.item() == pytest.approx(-strength * slope, rel=1e-6, abs=1e-12)


def test_the_students_loss_is_that_of_the_learned_temperature():
    student, teacher = logits()
    loss = curriculum(temperature_start=2, temperature_range=6)
    loss.theta.data.zero_()
    torch.testing.assert_close(loss(student, teacher, progress=1.0), kl_divergence(student, teacher, temperature=5.0))
    assert loss.loss.temperature == 1.0  # its own again


def test_a_step_of_the_optimizer_makes_the_temperature_harder_for_the_student():
    student, teacher = logits()
    loss = curriculum()
    before = loss(student, teacher, progress=1.0)
    before.backward()
    torch.optim.SGD(loss.parameters(), lr=0.1).step()
    assert loss(student, teacher, progress=1.0) > before


@pytest.mark.parametrize(
    'loss, message',
    [
        (dict(type='KLDivergence', temperature=4), 'temperature=4, but here it is learned'),
        (dict(type='WTTM'), 'WTTM has no temperature'),
    ],
)
def test_a_curriculum_of_a_fixed_or_missing_temperature_is_refused(loss, message):
    with pytest.raises(ValueError, match=message):
        TemperatureCurriculum(loss=loss)


@pytest.mark.parametrize('options', [dict(ramp_share=0), dict(temperature_start=0), dict(temperature_range=-1)])
def test_a_curriculum_out_of_range_is_refused(options):
    with pytest.raises(ValueError, match='expected'):
        curriculum(**options)


def test_a_wrapper_asks_for_what_the_wrapped_loss_asks_for():
    def asked(**config):
        return extra_inputs(MODELS.build(config))

    kl, dkd = dict(type='KLDivergence'), dict(type='DKD')
    assert asked(type='LogitStandardization', loss=kl) == ()
    assert asked(type='LogitStandardization', loss=dkd) == ('labels',)
    assert asked(type='TemperatureCurriculum', loss=kl) == ('progress',)
    assert asked(type='TemperatureCurriculum', loss=dict(type='NKD')) == ('progress', 'labels')
    assert asked(type='LogitStandardization', loss=dict(type='TemperatureCurriculum', loss=kl)) == ('progress',)


def test_a_copy_of_a_wrapper_uses_its_own_temperature():
    student, teacher = logits()
    loss = curriculum()
    copied = copy.deepcopy(loss)
    copied.theta.data.fill_(-50.0)  # temperature 1
    torch.testing.assert_close(copied(student, teacher, progress=0.0), kl_divergence(student, teacher))
    assert extra_inputs(copied) == ('progress',)
    assert loss(student, teacher, progress=0.0) != copied(student, teacher, progress=0.0)
