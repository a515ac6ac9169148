"""Feature losses with learned parts: facts of each method."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from kdtoolbox.losses.features.catkd import cat_kd, class_activation_maps
from kdtoolbox.losses.features.factor_transfer import factor_distance
from kdtoolbox.losses.features.mgd import keep_mask
from kdtoolbox.losses.features.overhaul import margin_from_batch_norm, partial_l2
from kdtoolbox.losses.features.review_kd import hierarchical_context
from kdtoolbox.registry import MODELS
from tests.losses.test_learned_features import CLASSES, STUDENT, TEACHER, build, pair


def test_vid_at_a_right_mean_is_half_the_log_variance():
    loss = build('VID', initial_variance=4.0)
    for parameter in loss.regressor.parameters():
        nn.init.zeros_(parameter)
    value = loss(torch.randn(2, STUDENT), torch.zeros(2, TEACHER))
    torch.testing.assert_close(value, torch.tensor(4.0).log() / 2)


def test_the_paraphraser_learns_alone_during_the_warm_up_and_is_not_taught_by_the_student():
    loss, (student, teacher) = build('FactorTransfer', warmup=0.5, reconstruction_weight=1.0), pair('FactorTransfer')
    value = loss(student, teacher, progress=0.25)
    _factor, error = loss.paraphraser(teacher.detach())
    torch.testing.assert_close(value, error)
    value.backward()
    assert not student.grad.any() and loss.paraphraser.encoder[0].weight.grad.any()
    assert not any(parameter.grad.any() for parameter in loss.translator.parameters())
    alone = {key: parameter.grad.clone() for key, parameter in loss.paraphraser.named_parameters()}
    loss.zero_grad()
    loss(student, teacher, progress=0.5).backward()
    for key, parameter in loss.paraphraser.named_parameters():
        torch.testing.assert_close(parameter.grad, alone[key], msg=key)
    assert student.grad.any()


def test_a_paraphraser_without_a_reconstruction_weight_is_frozen():
    loss, (student, teacher) = build('FactorTransfer', warmup=0.0, reconstruction_weight=0.0), pair('FactorTransfer')
    loss(student, teacher, progress=0.0).backward()
    assert all(parameter.grad is None for parameter in loss.paraphraser.parameters())
    assert loss.translator[0].weight.grad.any()


def test_factors_of_another_length_are_the_same_factor():
    factor = torch.randn(3, 2, 4, 5, 5)
    torch.testing.assert_close(factor_distance(factor, 7 * factor), torch.tensor(0.0))


def test_the_margin_is_the_mean_negative_response_of_a_gaussian():
    responses = torch.randn(200_000, generator=torch.Generator().manual_seed(0)) * 2 + 0.5
    margin = margin_from_batch_norm(torch.tensor([-2.0]), torch.tensor([0.5]))
    torch.testing.assert_close(margin[0], responses[responses < 0].mean(), rtol=1e-2, atol=0)
    assert margin_from_batch_norm(torch.zeros(1), torch.tensor([-1.0])) == -1


def test_estimated_margins_are_the_mean_of_all_negative_responses_so_far():
    loss = build('Overhaul')
    batches = [torch.randn(2, TEACHER, 2, 3, 3) for _ in range(3)]
    batches[0][:, 0] = batches[1][:, 0] = batches[2][:, 0] = 1.0  # a channel without any
    for teacher in batches:
        loss(torch.randn(2, STUDENT, 2, 3, 3), teacher)
    seen = torch.cat(batches).movedim(1, 0).flatten(1)
    expected = torch.stack([channel[channel < 0].sum() / max(1, (channel < 0).sum()) for channel in seen])
    torch.testing.assert_close(loss.margins[0].value, expected)
    before = loss.margins[0].value.clone()
    loss.eval()(torch.randn(2, STUDENT, 2, 3, 3), -torch.ones(2, TEACHER, 2, 3, 3))
    assert torch.equal(loss.margins[0].value, before)


def test_partial_l2_by_hand():
    student = torch.tensor([-5.0, 0.5, -0.5, 3.0]).view(1, 4, 1, 1, 1)
    teacher = torch.tensor([-3.0, -3.0, -0.2, 1.0]).view(1, 4, 1, 1, 1)
    # below the margin already: 0; above it: (0.5 + 1)^2; below a negative target: 0; a positive target: (3 - 1)^2
    value = partial_l2(student, teacher, margin=torch.full((4,), -1.0))
    torch.testing.assert_close(value, torch.tensor((0 + 2.25 + 0 + 4) / 4))


def test_overhaul_of_several_taps_is_the_sum_of_the_taps():
    several = build('Overhaul', student_channels=[STUDENT, 2], teacher_channels=[TEACHER, 3])
    students = torch.randn(2, STUDENT, 2, 4, 4), torch.randn(2, 2, 1, 2, 2)
    teachers = torch.randn(2, TEACHER, 2, 4, 4), torch.randn(2, 3, 1, 2, 2)
    total = several(students, teachers)
    singles = [build('Overhaul'), build('Overhaul', student_channels=2, teacher_channels=3)]
    for single, connector in zip(singles, several.connectors):
        single.connectors[0] = connector
    parts = [single(*maps) for single, *maps in zip(singles, students, teachers)]
    torch.testing.assert_close(total, sum(parts))


def test_the_mask_hides_whole_positions_or_whole_channels_at_the_given_rate():
    torch.manual_seed(0)
    shape, device = (4, 50, 4, 20, 20), torch.device('cpu')
    positions = keep_mask(shape, masked='positions', masked_ratio=0.65, device=device)
    assert positions.shape == (4, 1, 4, 20, 20) and abs(positions.float().mean() - 0.35) < 0.02
    channels = keep_mask(shape, masked='channels', masked_ratio=0.15, device=device)
    assert channels.shape == (4, 50, 1, 1, 1) and abs(channels.float().mean() - 0.85) < 0.08
    assert keep_mask(shape, masked='channels', masked_ratio=0.0, device=device).all()


def test_the_mask_is_torchs_chance():
    loss, (student, teacher) = build('MGD', masked='positions', masked_ratio=0.5), pair('MGD')
    values = []
    for seed in (1, 2, 1):
        torch.manual_seed(seed)
        values.append(loss(student, teacher))
    assert values[0] == values[2] != values[1]


def test_mgd_aligns_only_channels_that_differ():
    assert isinstance(build('MGD', student_channels=TEACHER).align, nn.Identity)
    assert isinstance(build('MGD').align, nn.Conv3d)


def test_hierarchical_context_of_maps_that_differ_by_a_constant_is_its_square():
    maps = torch.randn(2, 3, 4, 8, 8)
    torch.testing.assert_close(hierarchical_context(maps + 3, maps), torch.tensor(9.0))
    assert hierarchical_context(maps, maps) == 0


def test_hierarchical_context_of_an_image_averages_space_alone():
    student, teacher = torch.randn(2, 3, 1, 8, 8), torch.randn(2, 3, 1, 8, 8)
    expected, total = F.mse_loss(student, teacher), 1.0
    for weight, size in ((0.5, 4), (0.25, 2), (0.125, 1)):
        expected = expected + weight * F.mse_loss(
            F.avg_pool2d(student[:, :, 0], 8 // size), F.avg_pool2d(teacher[:, :, 0], 8 // size)
        )
        total += weight
    torch.testing.assert_close(hierarchical_context(student, teacher), expected / total)


def review_stages():
    loss = build('ReviewKD', student_channels=[3, STUDENT, STUDENT], teacher_channels=[TEACHER, 7, 7])
    students = torch.randn(3, 3, 4, 8, 8), torch.randn(3, STUDENT, 2, 4, 4), torch.randn(3, STUDENT)
    return loss, [student.requires_grad_() for student in students]


def test_each_shallower_map_reviews_the_deeper_ones():
    loss, students = review_stages()
    fused = loss.fuse(students, [(4, 8, 8), (2, 4, 4), (1, 1, 1)])
    assert [tuple(maps.shape) for maps in fused] == [(3, TEACHER, 4, 8, 8), (3, 7, 2, 4, 4), (3, 7, 1, 1, 1)]
    reached = [
        [
            gradient is not None
            for gradient in torch.autograd.grad(maps.square().sum(), students, retain_graph=True, allow_unused=True)
        ]
        for maps in fused
    ]
    assert reached == [[True, True, True], [False, True, True], [False, False, True]]


def test_review_brings_space_but_not_time_to_the_teachers():
    loss, students = review_stages()
    teachers = [torch.randn(3, TEACHER, 4, 14, 14), torch.randn(3, 7, 2, 7, 7), torch.randn(3, 7)]
    assert torch.isfinite(loss(students, teachers))
    teachers[0] = torch.randn(3, TEACHER, 8, 14, 14)
    with pytest.raises(ValueError, match='TemporalAlign'):
        loss(students, teachers)


def test_srrl_is_zero_for_the_teachers_own_features_and_weighs_its_two_terms():
    classifier = nn.Linear(TEACHER, CLASSES).requires_grad_(False)
    loss = build('SRRL', student_channels=TEACHER)
    loss.connector = nn.Identity()
    student, teacher = torch.randn(3, TEACHER, 2, 4, 4), torch.randn(3, TEACHER, 2, 4, 4)
    assert loss(teacher, teacher, classifier) == 0
    loss.regression_weight = 3.0
    means = student.mean((2, 3, 4)), teacher.mean((2, 3, 4))
    expected = F.mse_loss(*means) + 3 * F.mse_loss(classifier(means[0]), classifier(means[1]))
    torch.testing.assert_close(loss(student, teacher, classifier), expected)


def test_a_simkd_student_that_matches_predicts_what_the_teacher_predicts():
    classifier = nn.Linear(TEACHER, CLASSES)
    loss, (student, _) = build('SimKD').eval(), pair('SimKD')
    teacher = loss.projector(student)
    assert loss(student, teacher) == 0
    torch.testing.assert_close(loss.predict(student, classifier), classifier(teacher.mean((2, 3, 4))))


def test_class_activation_maps_average_to_the_logits_without_the_bias():
    classifier = nn.Linear(STUDENT, CLASSES)
    features = torch.randn(2, STUDENT, 3, 5, 5)
    maps = class_activation_maps(features, classifier)
    assert maps.shape == (2, CLASSES, 3, 5, 5)
    torch.testing.assert_close(maps.mean((2, 3, 4)), F.linear(features.mean((2, 3, 4)), classifier.weight))
    with pytest.raises(ValueError, match='the classifier takes 4'):
        class_activation_maps(features[:, :3], classifier)


def test_class_attention_compares_maps_of_other_sizes_and_steps_but_not_of_other_classes():
    student, teacher = torch.randn(2, CLASSES, 2, 4, 4), torch.randn(2, CLASSES, 8, 7, 7)
    assert torch.isfinite(cat_kd(student, teacher))
    torch.testing.assert_close(cat_kd(student, 5 * student.repeat_interleave(2, 2)), torch.tensor(0.0))
    assert cat_kd(student, 5 * student, normalize=False) > 0.1
    with pytest.raises(ValueError, match='K classes'):
        cat_kd(student, teacher[:, 1:])


@pytest.mark.parametrize('student_channels', [3, 6, 8])
def test_the_projection_of_vkd_stays_orthogonal_while_it_is_trained(student_channels):
    loss = build('VkD', student_channels=student_channels)
    optimizer = torch.optim.SGD(loss.parameters(), lr=1.0)
    start = loss.projection.weight.detach().clone()
    for _ in range(3):
        optimizer.zero_grad()
        loss(torch.randn(5, student_channels), torch.randn(5, TEACHER)).backward()
        optimizer.step()
    weight = loss.projection.weight.detach()
    gram = weight.T @ weight if student_channels <= TEACHER else weight @ weight.T
    torch.testing.assert_close(gram, torch.eye(len(gram)), atol=1e-5, rtol=0)
    assert (weight - start).abs().max() > 1e-3


def test_the_projection_of_vkd_stays_orthogonal_under_weight_decay():
    loss = MODELS.build(dict(type='VkD', student_channels=3, teacher_channels=8))
    optimizer = torch.optim.AdamW(loss.parameters(), lr=0.01, weight_decay=0.5)
    for _ in range(3):
        optimizer.zero_grad()
        loss(torch.randn(4, 3), torch.randn(4, 8)).backward()
        optimizer.step()
    weight = loss.projection.weight
    torch.testing.assert_close(weight.T @ weight, torch.eye(3), atol=1e-5, rtol=0)


def test_the_variance_of_vid_starts_at_what_it_is_told_however_large():
    for variance in (1e-3, 5.0, 800.0, 1e6):
        loss = build('VID', initial_variance=variance)
        torch.testing.assert_close(loss.variance(), torch.full((TEACHER,), variance), rtol=1e-4, atol=0)


@pytest.mark.parametrize('compare', [cat_kd, factor_distance])
def test_a_map_of_zeros_gets_no_gradient_where_clamping_its_length_would_give_a_huge_one(compare):
    teacher = torch.randn(2, 3, 2, 4, 4)
    student = torch.randn(2, 3, 2, 4, 4)
    student[0] = 0
    student.requires_grad_()
    compare(student, teacher).backward()
    assert not student.grad[0].any() and 0 < student.grad[1].norm() < 1


def test_infinite_and_nan_responses_are_in_no_margin():
    loss = build('Overhaul')
    torch.manual_seed(0)
    student, teacher = torch.randn(3, STUDENT, 2, 3, 3), torch.randn(3, TEACHER, 2, 3, 3)
    loss(student, teacher)
    expected, broken = loss.margins[0].value.clone(), teacher.clone()
    broken[:, 0], broken[:, 1] = -torch.inf, torch.nan
    loss(student, broken)
    torch.testing.assert_close(loss.margins[0].value, expected)


@pytest.mark.parametrize('name, options', [('SRRL', {}), ('SimKD', {}), ('ReviewKD', {}), ('Overhaul', {})])
def test_batch_norm_over_two_vectors_which_are_minus_1_and_1_is_refused(name, options):
    loss, classifier = build(name, **options), nn.Linear(TEACHER, CLASSES)
    asked = dict(teacher_classifier=classifier) if name == 'SRRL' else {}
    with pytest.raises(ValueError, match='2 elements a channel, .* 3 or more'):
        loss(torch.randn(2, STUDENT), torch.randn(2, TEACHER), **asked)
    loss.eval()
    assert loss(torch.randn(2, STUDENT), torch.randn(2, TEACHER), **asked).isfinite()
