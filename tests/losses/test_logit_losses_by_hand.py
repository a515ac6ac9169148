"""The losses of the logits that have a paper of their own, by hand and in numpy and scipy."""

import numpy as np
import pytest
import torch
from scipy.special import log_softmax, softmax
from scipy.stats import entropy

from kdtoolbox.losses import (
    DIST,
    DKD,
    NKD,
    WSLD,
    WTTM,
    MultiLevelLogit,
    SoftCrossEntropy,
)
from kdtoolbox.losses.logits.kl_divergence import kl_divergence
from kdtoolbox.losses.logits.multi_level_logit import batch_level, class_level
from tests.losses.logit_losses import value_of
from tests.losses.random_logits import logits, some_labels

# Each by itself.


def test_dkd_is_kd_when_beta_is_the_teachers_doubt():
    """Equation 5 of the paper."""
    student, teacher = logits(num_clips=1)
    doubt = 1 - (teacher / 4).softmax(1)[0, 3].item()
    value = DKD(alpha=1, beta=doubt, temperature=4)(student, teacher, torch.tensor([3]))
    torch.testing.assert_close(value, kl_divergence(student, teacher, temperature=4))


def test_dkd_in_float32_is_right_at_a_gap_where_the_probability_underflows():
    student, teacher = torch.tensor([[200.0, 0.0, -1.0]]), torch.tensor([[180.0, 1.0, 3.0]])
    labels = torch.tensor([0])
    exact = DKD(temperature=1)(student.double(), teacher.double(), labels)
    assert DKD(temperature=1)(student, teacher, labels).item() == pytest.approx(exact.item(), rel=1e-6)
    assert exact > 1  # the others disagree, however unlikely they are


def test_nkd_is_the_papers_formula_with_the_label_out_of_the_others():
    student, teacher = logits()
    expected = 0
    for row, label in enumerate(some_labels().tolist()):
        of_student, of_teacher = student.detach().numpy()[row], teacher.numpy()[row]
        others = np.arange(10) != label
        expected -= softmax(of_teacher)[label] * log_softmax(of_student)[label]
        expected -= 1.5 * 4 * (softmax(of_teacher[others] / 2) * log_softmax(of_student[others] / 2)).sum()
    value = NKD(gamma=1.5, temperature=2)(student, teacher, some_labels())
    assert value.item() == pytest.approx(expected / 6, rel=1e-10)


def test_wsld_leaves_out_what_the_student_knows_for_sure():
    teacher = torch.tensor([[1.0, 0.0, 0.0], [1.0, 0.0, 0.0]])
    student = torch.tensor([[50.0, 0.0, 0.0], [0.0, 50.0, 0.0]], requires_grad=True)
    WSLD()(student, teacher, torch.tensor([0, 0])).backward()
    assert student.grad[0].abs().max() < 1e-6 < student.grad[1].abs().max()


def test_soft_cross_entropy_is_kl_plus_the_teachers_entropy_and_has_its_gradient():
    student, teacher = logits()
    difference = SoftCrossEntropy(temperature=3)(student, teacher) - kl_divergence(student, teacher, temperature=3)
    assert difference.item() == pytest.approx(9 * entropy(softmax(teacher / 3, 1), axis=1).mean(), rel=1e-10)
    assert torch.autograd.grad(difference, student)[0].abs().max() < 1e-12


def test_wttm_weighs_scipys_relative_entropy_by_the_sum_of_the_powers():
    student, teacher = logits()
    powers = softmax(teacher.numpy(), 1) ** 0.25
    divergences = entropy(powers, softmax(student.detach().numpy(), 1), axis=1)  # scipy makes the powers sum to 1
    assert WTTM(gamma=0.25, weighted=False)(student, teacher).item() == pytest.approx(divergences.mean(), rel=1e-10)
    assert WTTM(gamma=0.25)(student, teacher).item() == pytest.approx((powers.sum(1) * divergences).mean(), rel=1e-10)


def test_wttm_with_a_power_of_1_is_kl_without_temperature():
    student, teacher = logits()
    torch.testing.assert_close(WTTM(gamma=1)(student, teacher), kl_divergence(student, teacher))


@pytest.mark.parametrize('gamma', [0, 1.1, float('nan')])
def test_a_power_that_sharpens_the_teacher_is_refused(gamma):
    with pytest.raises(ValueError, match='gamma'):
        WTTM(gamma=gamma)


def test_dist_is_numpys_correlation_over_classes_and_over_samples():
    student, teacher = logits()
    of_student, of_teacher = (softmax(side.detach().numpy() / 2, 1) for side in (student, teacher))

    def correlation(rows, other_rows):
        return np.mean([np.corrcoef(row, other)[0, 1] for row, other in zip(rows, other_rows)])

    expected = 4 * (3 * (1 - correlation(of_student, of_teacher)) + 5 * (1 - correlation(of_student.T, of_teacher.T)))
    value = DIST(beta=3, gamma=5, temperature=2)(student, teacher)
    assert value.item() == pytest.approx(expected, rel=1e-5)  # the summand of 1e-8 in the denominator


@pytest.mark.parametrize(
    'sizes, message',
    [(dict(num_clips=2), 'a batch of 2 .* 3 clips or more'), (dict(num_classes=2), '2 classes: .* at least 3')],
)
def test_two_samples_or_classes_which_always_correlate_by_1_or_minus_1_are_refused_by_dist(sizes, message):
    with pytest.raises(ValueError, match=message):
        DIST()(*logits(**sizes))


@pytest.mark.parametrize('spread', [0, 1e-8, 1e-5])
def test_the_gradient_of_dist_at_equal_logits_is_bounded(spread):
    """As of a classifier that starts from zero; it was 2e5 and more."""
    torch.manual_seed(0)
    student, teacher = (spread * torch.randn(8, 51)).requires_grad_(), 3 * torch.randn(8, 51)
    DIST()(student, teacher).backward()
    assert 0 < student.grad.norm() < 200


def test_kl_at_a_temperature_without_end_is_half_the_variance_of_the_difference_of_logits():
    student, teacher = (side.float() for side in logits())
    expected = (teacher - student.detach()).var(1, correction=0).mean().item() / 2
    assert kl_divergence(student, teacher, temperature=1e5).item() == pytest.approx(expected, rel=1e-4)


def test_two_classes_are_refused_by_logit_standardization_which_makes_them_constant():
    with pytest.raises(ValueError, match='2 classes.*at least 3'):
        value_of('standardized KL', *logits(num_classes=2))


def test_the_gradient_of_standardized_logits_that_are_all_equal_is_bounded():
    student = torch.zeros(4, 10, requires_grad=True)
    value_of('standardized KL', student, torch.randn(4, 10)).backward()
    assert 0 < student.grad.norm() < 1e4


def test_the_levels_compare_every_pair_of_samples_and_of_classes():
    student, teacher = logits(num_clips=3, num_classes=4)
    of_student, of_teacher = (softmax(side.detach().numpy() / 2, 1) for side in (student, teacher))

    def squared_differences(teacher_rows, student_rows):
        pairs = list(zip(teacher_rows, student_rows))
        return sum((a @ b - c @ d) ** 2 for a, c in pairs for b, d in pairs)

    of_samples, of_classes = (
        squared_differences(*runs) for runs in ((of_teacher, of_student), (of_teacher.T, of_student.T))
    )
    assert batch_level(student, teacher, temperature=2).item() == pytest.approx(of_samples / 3, rel=1e-10)
    assert class_level(student, teacher, temperature=2).item() == pytest.approx(of_classes / 4, rel=1e-10)


def test_multi_level_logit_is_the_sum_of_its_levels_over_temperatures():
    student, teacher = logits()
    levels = [
        level(student, teacher, temperature=temperature)
        for temperature in (1, 4)
        for level in (kl_divergence, batch_level, class_level)
    ]
    torch.testing.assert_close(MultiLevelLogit(temperatures=(1, 4))(student, teacher), sum(levels))


@pytest.mark.parametrize('temperatures', [(), (4, 0)])
def test_multi_level_logit_without_a_usable_temperature_is_refused(temperatures):
    with pytest.raises(ValueError, match='temperature'):
        MultiLevelLogit(temperatures=temperatures)


def test_standardized_logits_have_no_scale_and_no_offset():
    student, teacher = logits()
    torch.testing.assert_close(
        value_of('standardized KL', 7 * student - 3, 0.1 * teacher + 20),
        value_of('standardized KL', student, teacher),
        rtol=1e-5,
        atol=0,
    )
