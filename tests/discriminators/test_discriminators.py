"""Discriminators, objectives, regularisers: by hand, against torch's own losses, and by their properties."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from kdtoolbox.discriminators import (
    BCEAdversarial,
    Discriminator,
    FakeAsReal,
    HingeAdversarial,
    L1Regularizer,
    L2Regularizer,
    LeastSquaresAdversarial,
    SecondView,
    WassersteinAdversarial,
)

OBJECTIVES = [BCEAdversarial(), HingeAdversarial(), LeastSquaresAdversarial(), WassersteinAdversarial()]
every_objective = pytest.mark.parametrize('objective', OBJECTIVES, ids=lambda one: type(one).__name__)


def scores(seed=0):
    return torch.randn(2, 6, 1, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) * 2


def test_the_discriminator_has_the_papers_layers():
    shapes = [tuple(parameter.shape) for parameter in Discriminator(512).parameters() if parameter.dim() == 2]
    assert shapes == [(128, 512), (256, 128), (128, 256), (1, 128)]
    assert [type(layer) for layer in Discriminator(4).layers] == [nn.Linear, nn.ReLU] * 3 + [nn.Linear]


@pytest.mark.parametrize('shape', [(2, 8), (2, 4, 3)])
def test_features_that_do_not_fit_are_refused(shape):
    with pytest.raises(ValueError, match=r'expected \(N, 4\)'):
        Discriminator(4)(torch.zeros(shape))


def test_bce_is_torchs_binary_cross_entropy_on_both_sides():
    teacher, student = scores()
    expected = F.binary_cross_entropy_with_logits(
        teacher, torch.ones_like(teacher)
    ) + F.binary_cross_entropy_with_logits(student, torch.zeros_like(student))
    torch.testing.assert_close(BCEAdversarial().discriminator_loss(teacher, student), expected)
    torch.testing.assert_close(
        BCEAdversarial().student_loss(student), F.binary_cross_entropy_with_logits(student, torch.ones_like(student))
    )


def test_least_squares_is_half_the_mean_squared_error_to_one_and_zero():
    teacher, student = scores()
    expected = (F.mse_loss(teacher, torch.ones_like(teacher)) + F.mse_loss(student, torch.zeros_like(student))) / 2
    torch.testing.assert_close(LeastSquaresAdversarial().discriminator_loss(teacher, student), expected)


@every_objective
def test_the_student_gains_by_a_higher_score_and_the_discriminator_by_a_wider_gap(objective):
    teacher, student = (side.requires_grad_() for side in (torch.zeros(3, 1), torch.zeros(3, 1)))
    objective.student_loss(student).backward()
    assert (student.grad < 0).all()
    student.grad = None
    objective.discriminator_loss(teacher, student).backward()
    assert (teacher.grad < 0).all() and (student.grad >= 0).all()


@every_objective
def test_losses_stay_finite_for_certain_discriminators(objective):
    teacher, student = torch.full((2, 1), -1e4), torch.full((2, 1), 1e4)
    assert objective.discriminator_loss(teacher, student).isfinite() and objective.student_loss(-student).isfinite()


def test_the_gradient_penalty_of_a_linear_score_is_known():
    linear = nn.Linear(2, 1, bias=False)
    with torch.no_grad():
        linear.weight.copy_(torch.tensor([[3.0, 4.0]]))  # its gradient has length 5 everywhere: (5 - 1)^2
    penalty = WassersteinAdversarial(gradient_penalty=10).penalty(linear, torch.zeros(4, 2), torch.ones(4, 2))
    assert penalty.item() == pytest.approx(160)
    penalty.backward()
    torch.testing.assert_close(linear.weight.grad, 10 * 2 * (5 - 1) * torch.tensor([[0.6, 0.8]]))


def test_the_gradient_penalty_is_computed_in_full_precision_under_autocast():
    discriminator = Discriminator(4, widths=(8,))
    features = torch.randn(2, 5, 4)
    torch.manual_seed(0)
    expected = WassersteinAdversarial().penalty(discriminator, *features)
    torch.manual_seed(0)
    with torch.autocast('cpu', dtype=torch.bfloat16):
        penalty = WassersteinAdversarial().penalty(discriminator, *features)
    assert torch.equal(penalty, expected)


def test_regularisers_are_the_norms_of_the_parameter_tensors_and_pull_towards_zero():
    network = nn.Linear(2, 1)
    with torch.no_grad():
        network.weight.copy_(torch.tensor([[3.0, -4.0]]))
        network.bias.fill_(-2.0)
    assert L1Regularizer(weight=0.5)(network, None).item() == pytest.approx(0.5 * (7 + 2))
    loss = L2Regularizer()(network, None)
    assert loss.item() == pytest.approx(5 + 2)
    loss.backward()
    assert torch.equal(network.weight.grad.sign(), network.weight.sign())


def test_fake_as_real_is_bce_of_the_second_view_against_the_teachers_label():
    _, second = scores()
    expected = 0.1 * F.binary_cross_entropy_with_logits(second, torch.ones_like(second))
    torch.testing.assert_close(FakeAsReal(weight=0.1)(None, second), expected)


def test_the_second_view_is_the_first_with_dropout():
    features = torch.rand(4, 1000) + 1
    plain, second = SecondView(0.5).train()(features).chunk(2)
    assert torch.equal(plain, features)
    kept = second != 0
    torch.testing.assert_close(second[kept], 2 * features[kept])
    assert 0.4 < kept.float().mean() < 0.6
    assert torch.equal(SecondView(0.5).eval()(features), torch.cat([features, features]))


def test_a_dropout_that_is_no_probability_is_refused():
    with pytest.raises(ValueError, match=r'\[0, 1\)'):
        SecondView(1.0)
