"""Scale decoupled distillation: regions of maps, and how the regions are weighted."""

import numpy as np
import pytest
import torch
from scipy.special import log_softmax, softmax
from torch import nn

from kdtoolbox.losses import NKD, SDD
from kdtoolbox.losses.logits.kl_divergence import kl_divergence
from kdtoolbox.losses.logits.sdd import region_logits, sdd
from kdtoolbox.losses.shared.wrapped_loss import extra_inputs

N, K = 4, 5
LABELS = torch.tensor([0, 3, 1, 2])


def randn(*shape, seed=0, dtype=torch.float64):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def classifier(channels, seed=0, dtype=torch.float64):
    linear = nn.Linear(channels, K, dtype=dtype)
    linear.weight.data = randn(K, channels, seed=seed, dtype=dtype)
    linear.bias.data = randn(K, seed=seed + 10, dtype=dtype)
    return linear


def value_of(loss, student, teacher, *, labels=LABELS, of_student=None, of_teacher=None):
    return loss(
        student,
        teacher,
        labels=labels,
        student_classifier=of_student or classifier(student.shape[1]),
        teacher_classifier=of_teacher or classifier(teacher.shape[1], seed=1),
    )


def kl_loss(**options):
    return SDD(loss=dict(type='KLDivergence', temperature=2), scales=(1, 2), **options)


# Regions.


def test_regions_are_what_the_classifier_says_of_each_parts_mean():
    features, linear = randn(2, 3, 4, 4, 8), classifier(3)
    regions = [
        (slice(0, 4), slice(0, 8)),
        *((slice(top, top + 2), slice(left, left + 4)) for top in (0, 2) for left in (0, 4)),
    ]
    values = [linear(features[:, :, :, rows, columns].mean((2, 3, 4))) for rows, columns in regions]
    torch.testing.assert_close(region_logits(features, linear, scales=(1, 2)), torch.stack(values, dim=2))


def test_regions_of_space_time_are_in_the_order_of_time_then_rows_then_columns():
    features, linear = randn(2, 3, 2, 2, 2), classifier(3)
    values = [linear(features.mean((2, 3, 4)))]
    values += [linear(features[:, :, t, y, x]) for t in (0, 1) for y in (0, 1) for x in (0, 1)]
    torch.testing.assert_close(
        region_logits(features, linear, scales=(1, 2), pyramid='space-time'), torch.stack(values, dim=2)
    )


def test_an_image_has_the_regions_of_a_clip_that_stands_still():
    image, linear = randn(2, 3, 4, 4), classifier(3)
    clip = image.unsqueeze(2).expand(-1, -1, 5, -1, -1)
    torch.testing.assert_close(region_logits(clip, linear), region_logits(image, linear))


@pytest.mark.parametrize(
    'shape, pyramid, message',
    [
        ((2, 3, 4, 2, 4), 'space', r'cut into 4 parts along each of \(2, 4\)'),
        ((2, 3, 2, 4, 4), 'space-time', r'cut into 4 parts along each of \(2, 4, 4\)'),
        ((2, 3, 4, 4), 'space-time', "pyramid='space'"),
        ((2, 3), 'space', 'before the pooling'),
        ((2, 7, 4, 4), 'space', 'classifier of 3 channels'),
    ],
)
def test_a_map_that_cannot_be_cut_or_classified_is_refused(shape, pyramid, message):
    with pytest.raises(ValueError, match=message):
        region_logits(torch.zeros(shape), nn.Linear(3, K), pyramid=pyramid)


def test_regions_under_autocast_are_those_of_float32():
    features, linear = randn(2, 3, 4, 4, dtype=torch.float32), classifier(3, dtype=torch.float32)
    with torch.autocast('cpu', dtype=torch.bfloat16):
        within = region_logits(features, linear)
    assert within.dtype == torch.float32
    torch.testing.assert_close(within, region_logits(features, linear))


# Weights.


def test_regions_where_the_teacher_changes_its_mind_count_twice():
    def certain(*classes):
        return 9 * torch.eye(K, dtype=torch.float64)[list(classes)].T

    teacher = torch.stack([certain(0, 0, 1), certain(1, 1, 0), certain(2, 3, 4)])  # the last is wrong everywhere
    student = randn(3, K, 3)
    weights = torch.tensor([[1, 1, 2], [1, 1, 2], [1, 1, 1]])
    rows = sum(
        weights[n, m] * kl_divergence(student[n, :, m][None], teacher[n, :, m][None])
        for n in range(3)
        for m in range(3)
    )
    value = sdd(student, teacher, labels=torch.tensor([0, 0, 1]), loss=lambda s, t, labels: kl_divergence(s, t))
    torch.testing.assert_close(value, rows / 9)


def test_without_more_weight_it_is_the_mean_of_the_loss_over_all_regions():
    student, teacher = randn(N, 3, 4, 4, 4), randn(N, 6, 2, 4, 4, seed=1)
    of_student, of_teacher = classifier(3), classifier(6, seed=1)
    rows = [
        region_logits(side, linear, scales=(1, 2)).transpose(1, 2).flatten(0, 1)
        for side, linear in ((student, of_student), (teacher, of_teacher))
    ]
    value = value_of(kl_loss(complementary_weight=1.0), student, teacher, of_student=of_student, of_teacher=of_teacher)
    torch.testing.assert_close(value, kl_divergence(*rows, temperature=2))


def test_with_nkd_the_label_is_out_of_the_other_classes_as_in_the_paper_of_nkd():
    student, teacher = randn(N, K, 3), randn(N, K, 3, seed=1)
    right = teacher.argmax(1) == LABELS[:, None]
    expected = 0
    for n, label in enumerate(LABELS.tolist()):
        others = np.arange(K) != label
        for m in range(3):
            of_student, of_teacher = student[n, :, m].numpy(), teacher[n, :, m].numpy()
            value = softmax(of_teacher)[label] * log_softmax(of_student)[label]
            value += 1.5 * (softmax(of_teacher[others]) * log_softmax(of_student[others])).sum()
            expected -= (1 if right[n, m] == right[n, 0] else 2) * value
    value = sdd(student, teacher, labels=LABELS, loss=NKD(gamma=1.5))
    assert value.item() == pytest.approx(expected / (N * 3), rel=1e-10)


# The loss.


def test_it_is_zero_at_equality():
    features, linear = randn(N, 3, 4, 4, 4), classifier(3)
    value = value_of(kl_loss(), features.requires_grad_(), features.detach(), of_student=linear, of_teacher=linear)
    value.backward()
    assert value.item() == pytest.approx(0, abs=1e-12) and features.grad.abs().max() < 1e-12


def test_gradient_reaches_the_students_map_and_classifier_and_nothing_of_the_teachers():
    student, teacher = (randn(N, 3, 2, 4, 4, seed=seed).requires_grad_() for seed in (0, 1))
    of_student, of_teacher = classifier(3), classifier(3, seed=1)
    value_of(kl_loss(), student, teacher, of_student=of_student, of_teacher=of_teacher).backward()
    assert student.grad.abs().min() > 0 and of_student.weight.grad.abs().min() > 0
    assert teacher.grad is None and of_teacher.weight.grad is None


@pytest.mark.parametrize('inner', ['KLDivergence', 'DKD', 'NKD'])
def test_an_unlabelled_sample_counts_0_in_the_mean(inner):
    loss = SDD(loss=dict(type=inner), scales=(1, 2))
    student, teacher = randn(N, 3, 2, 4, 4), randn(N, 3, 2, 4, 4, seed=1)
    labels = torch.tensor([0, -1, 1, -1])
    part = value_of(loss, student[::2], teacher[::2], labels=labels[::2])
    torch.testing.assert_close(value_of(loss, student, teacher, labels=labels), part / 2)
    student.requires_grad_()
    value = value_of(loss, student, teacher, labels=torch.full((N,), -1))
    value.backward()
    assert value == 0 and student.grad.abs().max() == 0


def test_it_asks_for_labels_and_both_classifiers_and_what_the_inner_loss_asks_for():
    own = ('labels', 'student_classifier', 'teacher_classifier')
    assert extra_inputs(kl_loss()) == extra_inputs(SDD(loss=dict(type='DKD'))) == own
    inner = dict(type='TemperatureCurriculum', loss=dict(type='DKD'))
    assert extra_inputs(SDD(loss=inner)) == (*own, 'progress')


def test_a_learned_temperature_can_be_inside():
    loss = SDD(loss=dict(type='TemperatureCurriculum', loss=dict(type='DKD')), scales=(1, 2))
    student, teacher = randn(N, 3, 4, 4), randn(N, 3, 4, 4, seed=1)
    value = loss(
        student,
        teacher,
        labels=LABELS,
        student_classifier=classifier(3),
        teacher_classifier=classifier(3, seed=1),
        progress=1.0,
    )
    value.backward()
    assert value > 0 and loss.loss.theta.grad != 0


def test_classes_that_differ_are_refused():
    with pytest.raises(ValueError, match=r'student \(4, 5, 5\) and teacher \(4, 7, 5\).*probe'):
        value_of(kl_loss(), randn(N, 3, 4, 4), randn(N, 3, 4, 4), of_teacher=nn.Linear(3, 7, dtype=torch.float64))


@pytest.mark.parametrize(
    'options', [dict(scales=(1,)), dict(scales=(2, 4)), dict(scales=(1, 4, 2)), dict(pyramid='time')]
)
def test_options_out_of_range_are_refused_when_built(options):
    with pytest.raises(ValueError, match='expected'):
        SDD(loss=dict(type='KLDivergence'), **options)


@pytest.mark.parametrize(
    'inner',
    [
        dict(type='DIST'),
        dict(type='MultiLevelLogit'),
        dict(type='TemperatureCurriculum', loss=dict(type='DIST')),
        dict(type='LogitStandardization', loss=dict(type='MultiLevelLogit')),
    ],
)
def test_a_loss_that_compares_clips_is_refused_inside_as_a_process_without_such_regions_would_not_call_it(inner):
    with pytest.raises(ValueError, match=f'{inner["type"]} compares the clips of a batch'):
        SDD(loss=inner)


def test_without_a_label_a_learned_temperature_inside_gets_a_gradient_of_zero():
    loss = SDD(loss=dict(type='TemperatureCurriculum', loss=dict(type='KLDivergence')), scales=(1, 2))
    student, linear = randn(N, 3, 2, 4, 4).requires_grad_(), classifier(3)
    value = loss(
        student,
        randn(N, 3, 2, 4, 4, seed=1),
        labels=torch.full((N,), -1),
        student_classifier=linear,
        teacher_classifier=classifier(3, seed=1),
        progress=0.5,
    )
    value.backward()
    assert value == 0 and loss.loss.theta.grad == 0 and not student.grad.any() and not linear.weight.grad.any()


def test_labels_of_any_integer_type_are_taken():
    pair = randn(N, 3, 2, 4, 4), randn(N, 3, 2, 4, 4, seed=1)
    loss = SDD(loss=dict(type='DKD'), scales=(1, 2))
    assert torch.equal(value_of(loss, *pair, labels=LABELS.int()), value_of(loss, *pair))
