"""What holds for every adversarial objective and regularizer: it teaches, stays finite, leaves the teacher alone."""

from contextlib import nullcontext

import pytest
import torch

from kdtoolbox import discriminators
from kdtoolbox.discriminators import AdversarialObjective, Discriminator
from kdtoolbox.distillers.adversarial import ADVERSARIAL, AdversarialGame
from kdtoolbox.unregistered_modules import UnregisteredModules
from tests.losses.extreme_inputs import EXTREMES, shifted

CLIPS, CHANNELS = 8, 6
NEGLIGIBLE, BOUND = 0.02, 100  # as for every loss
OBJECTIVES = [
    name
    for name in discriminators.__all__
    if isinstance(made := getattr(discriminators, name), type)
    and issubclass(made, AdversarialObjective)
    and made is not AdversarialObjective
]
REGULARIZERS = ['FakeAsReal', 'L1Regularizer', 'L2Regularizer']
every_objective = pytest.mark.parametrize('objective', OBJECTIVES)
every_regularizer = pytest.mark.parametrize('regularizer', REGULARIZERS)


def test_every_registered_class_of_the_room_is_tested_here():
    assert {*OBJECTIVES, *REGULARIZERS} == {*discriminators.__all__} - {
        'AdversarialObjective',
        'Discriminator',
        'SecondView',
    }


def sides(clips=CLIPS, seed=0):
    """Features of student and teacher."""
    return torch.randn(2, clips, CHANNELS, generator=torch.Generator().manual_seed(seed))


def step(objective, student, teacher, *, regularizers=(), half=None):
    """Value and gradient of the student, then of the discriminator, each in one vector, and the game."""
    torch.manual_seed(0)
    discriminator = Discriminator(CHANNELS, widths=(16, 8))
    game = AdversarialGame(
        dict(type=objective),
        UnregisteredModules({ADVERSARIAL: discriminator}),
        regularizers=[dict(type=name, weight=0.1) for name in regularizers],
    )
    student = student.detach().requires_grad_()
    with torch.autocast('cpu', dtype=half) if half else nullcontext():
        value = game(torch.cat([student, student]), teacher)
        (gradient,) = torch.autograd.grad(value, student)
        losses, _ = game.discriminator_losses(*game.seen)
        total = sum(losses.values())
    slopes = torch.autograd.grad(total, list(discriminator.parameters()), allow_unused=True)
    slope = torch.cat([one.flatten() for one in slopes if one is not None])
    return (value.detach(), gradient.float().flatten()), (total.detach(), slope), game


@every_objective
def test_one_clip_teaches_both_players_as_much_as_a_clip_of_a_larger_batch(objective):
    def of(clips, player):
        found = [step(objective, *sides(clips, seed))[player][1].norm() for seed in range(3)]
        return sum(found) / len(found)

    assert of(1, 0) > NEGLIGIBLE * of(CLIPS, 0) * CLIPS**0.5
    assert of(1, 1) > NEGLIGIBLE * of(CLIPS, 1)


@every_objective
@pytest.mark.parametrize('extreme', EXTREMES.values(), ids=EXTREMES.keys())
def test_in_the_extreme_both_are_finite_with_gradients_near_those_of_nearly_the_same_features(objective, extreme):
    student, teacher = sides()
    plain = step(objective, student, teacher, regularizers=REGULARIZERS)
    for runs in ((extreme(student), teacher), (student, extreme(teacher)), (extreme(student),) * 2):
        found = step(objective, *runs, regularizers=REGULARIZERS)
        near = step(objective, shifted(runs[0]), runs[1], regularizers=REGULARIZERS)
        for player in (0, 1):
            value, gradient = found[player]
            assert value.isfinite() and gradient.isfinite().all()
            assert gradient.norm() <= BOUND * max(near[player][1].norm(), plain[player][1].norm())


@every_objective
@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
def test_under_autocast_the_losses_are_float32_and_those_of_full_precision_but_for_the_discriminators_rounding(
    objective, dtype
):
    halves = [side.to(dtype) for side in sides()]
    expected = step(objective, *(side.float() for side in halves), regularizers=REGULARIZERS)
    found = step(objective, *halves, regularizers=REGULARIZERS, half=dtype)
    for player in (0, 1):
        assert found[player][0].dtype == torch.float32
        torch.testing.assert_close(found[player][0], expected[player][0], atol=0.02, rtol=0.02)
        assert (found[player][1] - expected[player][1]).norm() < 0.1 * expected[player][1].norm()


@every_objective
def test_the_order_in_memory_does_not_count(objective):
    apart = [torch.stack([side, -side], dim=-1)[..., 0] for side in sides()]
    assert not any(side.is_contiguous() for side in apart)
    for found, expected in zip(step(objective, *apart)[:2], step(objective, *sides())[:2]):
        torch.testing.assert_close(found, expected)


@every_objective
def test_the_teacher_and_in_the_discriminators_step_the_student_get_no_gradient(objective):
    student, teacher = sides()
    teacher.requires_grad_()
    *_, game = step(objective, student, teacher)
    assert teacher.grad is None and not any(side.requires_grad for side in game.seen)


@every_objective
def test_where_the_student_equals_the_teacher_the_best_score_is_the_same_for_all(objective):
    """With equal scores of both sides the discriminator's loss is lowest at the boundary, where it knows nothing."""
    made = getattr(discriminators, objective)()
    boundary = torch.full((CLIPS, 1), made.boundary or 0.0)
    lowest = made.discriminator_loss(boundary, boundary)
    for seed in range(3):
        scores = shifted(boundary + 1, 1.0 + seed)
        assert made.discriminator_loss(scores, scores) >= lowest - 1e-6
    scores = boundary.clone().requires_grad_()
    made.discriminator_loss(scores, scores).backward()
    assert scores.grad.abs().max() < 1e-6


@every_regularizer
@pytest.mark.parametrize('scale', [0.0, 1e-7, 1.0, 1e4])
def test_a_regularizer_is_finite_for_weights_and_scores_of_any_size(regularizer, scale):
    network = Discriminator(CHANNELS, widths=(4,))
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.mul_(scale)
    scores = (scale * torch.randn(CLIPS, 1, generator=torch.Generator().manual_seed(0))).requires_grad_()
    value = getattr(discriminators, regularizer)(weight=0.1)(network, scores)
    inputs = [scores, *network.parameters()]
    slopes = [one for one in torch.autograd.grad(value, inputs, allow_unused=True) if one is not None]
    assert value.isfinite() and slopes
    assert all(slope.isfinite().all() and slope.abs().max() <= 1 for slope in slopes)


@every_regularizer
@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
def test_a_regularizer_of_half_precision_is_float32(regularizer, dtype):
    network = Discriminator(CHANNELS, widths=(64,)).to(dtype)
    scores = torch.randn(CLIPS, 1, generator=torch.Generator().manual_seed(0))
    made = getattr(discriminators, regularizer)()
    with torch.autocast('cpu', dtype=dtype):
        value = made(network, scores)
    assert value.dtype == torch.float32
    torch.testing.assert_close(value, made(network.float(), scores))
