"""The plain losses of the logits: by hand, and by the properties that all of them share."""

import numpy as np
import pytest
import torch
from scipy.special import log_softmax, softmax
from scipy.stats import entropy

from kdtoolbox.losses import L1, L2, BCEWithTeacher, HardTarget, KLDivergence
from kdtoolbox.registry import MODELS
from tests.losses.random_logits import logits

LOSSES = {
    'L1': L1(),
    'L2': L2(),
    'L1 of probabilities': L1(on='probabilities', temperature=2),
    'L2 of probabilities': L2(on='probabilities', temperature=2),
    'HardTarget': HardTarget(temperature=2),
    'BCEWithTeacher': BCEWithTeacher(temperature=2),
    'KLDivergence': KLDivergence(temperature=4),
}
ZERO_AT_EQUALITY = [name for name in LOSSES if name not in ('HardTarget', 'BCEWithTeacher')]
every_loss = pytest.mark.parametrize('loss', LOSSES.values(), ids=LOSSES.keys())


def test_kl_is_scipys_relative_entropy_times_temperature_squared():
    student, teacher = logits()
    expected = 9 * entropy(softmax(teacher / 3, 1), softmax(student.detach() / 3, 1), axis=1).mean()
    assert KLDivergence(temperature=3)(student, teacher).item() == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize(
    'loss, power', [(L1(on='probabilities', temperature=2), 1), (L2(on='probabilities', temperature=2), 2)]
)
def test_regression_of_probabilities_is_the_mean_over_clips_and_classes(loss, power):
    student, teacher = logits()
    difference = softmax(student.detach().numpy() / 2, 1) - softmax(teacher.numpy() / 2, 1)
    assert loss(student, teacher).item() == pytest.approx((np.abs(difference) ** power).mean(), rel=1e-10)


def test_hard_target_is_the_log_probability_of_the_teachers_class():
    student, teacher = logits()
    log_probability = log_softmax(student.detach().numpy(), 1)
    expected = -np.mean([row[teacher[clip].argmax()] for clip, row in enumerate(log_probability)])
    assert HardTarget()(student, teacher).item() == pytest.approx(expected, rel=1e-10)


def test_bce_is_the_mean_over_classes_by_hand():
    student, teacher = torch.tensor([[0.0, np.log(3.0)]]), torch.tensor([[0.0, -np.log(3.0)]])
    by_hand = (np.log(2) + 0.25 * -np.log(0.75) + 0.75 * -np.log(0.25)) / 2
    assert BCEWithTeacher()(student, teacher).item() == pytest.approx(by_hand, rel=1e-6)


@pytest.mark.parametrize('name', ZERO_AT_EQUALITY)
def test_loss_and_gradient_are_zero_at_equality(name):
    _, teacher = logits()
    student = teacher.clone().requires_grad_()
    value = LOSSES[name](student, teacher)
    value.backward()
    assert value.item() == pytest.approx(0, abs=1e-14)
    assert student.grad.abs().max() < 1e-14


def test_bce_has_no_gradient_at_equality_and_leaves_the_teachers_entropy():
    _, teacher = logits()
    student = teacher.clone().requires_grad_()
    value = BCEWithTeacher()(student, teacher)
    value.backward()
    probability = teacher.sigmoid()
    assert student.grad.abs().max() < 1e-14
    assert value.item() == pytest.approx(entropy(torch.stack([probability, 1 - probability])).mean(), rel=1e-10)


@every_loss
def test_the_order_of_the_clips_does_not_matter(loss):
    student, teacher = logits()
    order = torch.tensor([3, 0, 5, 1, 4, 2])
    torch.testing.assert_close(loss(student[order], teacher[order]), loss(student, teacher), rtol=1e-13, atol=0)


@every_loss
def test_the_loss_is_the_mean_over_the_batch(loss):
    student, teacher = logits()
    torch.testing.assert_close(loss(torch.cat([student] * 3), torch.cat([teacher] * 3)), loss(student, teacher))


@every_loss
def test_gradient_reaches_the_student_and_not_the_teacher(loss):
    student, teacher = logits()
    student_before = student.detach().clone()
    teacher.requires_grad_()
    loss(student, teacher).backward()
    assert student.grad.abs().max() > 0
    assert teacher.grad is None
    assert torch.equal(student, student_before)


@pytest.mark.parametrize('make, power', [(L1, -1), (L2, -2)])
def test_regression_of_logits_falls_with_its_power_of_the_temperature(make, power):
    student, teacher = logits()
    assert make(temperature=3)(student, teacher).item() == pytest.approx(
        make()(student, teacher).item() * 3.0**power, rel=1e-10
    )


def test_kl_of_the_same_probabilities_grows_with_the_square_of_the_temperature():
    student, teacher = logits()
    assert KLDivergence(temperature=6)(3 * student, 3 * teacher).item() == pytest.approx(
        9 * KLDivergence(temperature=2)(student, teacher).item(), rel=1e-10
    )


def test_kl_at_high_temperature_is_the_squared_difference_of_centred_logits_over_2k():
    """The limit of section 2.1 of arXiv:1503.02531."""
    student, teacher = logits()
    student, teacher = student - student.mean(1, keepdim=True), teacher - teacher.mean(1, keepdim=True)
    expected = (student - teacher).square().sum(1).mean() / (2 * student.shape[1])
    assert KLDivergence(temperature=1e4)(student, teacher).item() == pytest.approx(expected.item(), rel=1e-3)


@every_loss
def test_autocast_leaves_value_and_gradient_as_precise_as_float32(loss):
    _, teacher = logits(num_classes=100)
    noise = torch.randn(teacher.shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    exact_student = (teacher + 0.01 * noise).requires_grad_()  # near convergence differences of bfloat16 have no digits
    loss(exact_student, teacher).backward()
    student = exact_student.detach().float().requires_grad_()
    with torch.autocast('cpu', dtype=torch.bfloat16):
        value = loss(student, teacher.float())
    value.backward()
    assert value.dtype == torch.float32
    relative_error = (student.grad - exact_student.grad).norm() / exact_student.grad.norm()
    assert relative_error < 1e-3


@every_loss
def test_half_precision_inputs_are_compared_in_float32(loss):
    student, teacher = logits()
    value = loss(student.bfloat16(), teacher.bfloat16())
    assert value.dtype == torch.float32
    torch.testing.assert_close(value, loss(student.bfloat16().float(), teacher.bfloat16().float()))


def test_float64_stays_float64():
    student, teacher = logits()
    assert all(loss(student, teacher).dtype == torch.float64 for loss in LOSSES.values())


@every_loss
@pytest.mark.parametrize('gap', [1e4, -1e4])
def test_extreme_logits_give_finite_loss_and_gradient(loss, gap):
    student = torch.tensor([[gap, 0.0, -gap], [0.0, 0.0, 0.0]], requires_grad=True)
    value = loss(student, torch.tensor([[-gap, 0.0, gap], [gap, 0.0, 0.0]]))
    value.backward()
    assert value.isfinite() and student.grad.isfinite().all()


@pytest.mark.parametrize('name', ['HardTarget', 'BCEWithTeacher', 'KLDivergence', 'L2 of probabilities'])
def test_logits_of_frames_are_averaged_like_clips(name):
    student, teacher = logits(num_clips=12)
    by_frame = LOSSES[name](student.reshape(3, 4, 10), teacher.reshape(3, 4, 10))
    torch.testing.assert_close(by_frame, LOSSES[name](student, teacher))


@every_loss
def test_shapes_that_would_broadcast_are_refused(loss):
    with pytest.raises(ValueError, match=r'student \(4, 10\) and teacher \(1, 10\).*connector'):
        loss(torch.zeros(4, 10), torch.zeros(1, 10))


@pytest.mark.parametrize('name', ['HardTarget', 'BCEWithTeacher', 'KLDivergence', 'L1 of probabilities'])
def test_a_map_is_not_taken_for_logits(name):
    with pytest.raises(ValueError, match=r'\(2, 8, 4, 7, 7\), expected logits'):
        LOSSES[name](torch.zeros(2, 8, 4, 7, 7), torch.zeros(2, 8, 4, 7, 7))


@pytest.mark.parametrize('name', ['L1', 'L2', 'HardTarget', 'BCEWithTeacher', 'KLDivergence'])
@pytest.mark.parametrize('temperature', [0, -1, float('nan'), float('inf')])
def test_a_temperature_that_does_not_divide_is_refused_when_built(name, temperature):
    with pytest.raises(ValueError, match='temperature'):
        MODELS.build(dict(type=name, temperature=temperature))


@pytest.mark.parametrize('name', ['L1', 'L2'])
def test_an_unknown_side_is_refused_when_built(name):
    with pytest.raises(ValueError, match="'logits', 'probabilities'"):
        MODELS.build(dict(type=name, on='features'))
