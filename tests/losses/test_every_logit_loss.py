"""What all losses of the logits share: at equality, over the batch, in half precision, with labels."""

import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
import pytest
import torch
from scipy.special import softmax
from scipy.stats import entropy

from kdtoolbox.losses import (
    DKD,
    NKD,
    ChannelWise,
    TeacherFree,
)
from kdtoolbox.losses.logits.dkd import dkd
from kdtoolbox.losses.logits.kl_divergence import kl_divergence
from kdtoolbox.losses.logits.soft_cross_entropy import soft_cross_entropy
from kdtoolbox.losses.shared import gathering
from kdtoolbox.losses.shared.wrapped_loss import extra_inputs
from kdtoolbox.registry import MODELS
from tests.losses.logit_losses import LOSSES, every_loss, every_loss_with_labels, value_of
from tests.losses.random_logits import logits, some_labels

# What all of them share.


@pytest.mark.parametrize(
    'name',
    ['DKD', 'DIST', 'MultiLevelLogit', 'standardized KL', 'standardized DKD', 'curriculum of KL', 'curriculum of DKD'],
)
def test_loss_and_gradient_are_zero_at_equality(name):
    _, teacher = logits()
    student = teacher.clone().requires_grad_()
    value = value_of(name, student, teacher)
    value.backward()
    # DIST's denominator has a summand of 1e-8.
    assert value.item() == pytest.approx(0, abs=1e-12 if name != 'DIST' else 1e-5)
    assert student.grad.abs().max() < (1e-12 if name != 'DIST' else 1e-5)


@pytest.mark.parametrize('name', ['WSLD', 'SoftCrossEntropy'])
def test_cross_entropies_have_no_gradient_at_equality_but_keep_the_teachers_entropy(name):
    _, teacher = logits()
    student = teacher.clone().requires_grad_()
    value = value_of(name, student, teacher)
    value.backward()
    assert student.grad.abs().max() < 1e-12
    entropies = 4 * entropy(softmax(teacher.numpy() / 2, 1), axis=1).mean()
    assert value.item() == pytest.approx(entropies * (1 - np.exp(-1) if name == 'WSLD' else 1), rel=1e-4)


@every_loss
def test_the_order_of_the_clips_does_not_matter(name):
    student, teacher = logits()
    order = torch.tensor([3, 0, 5, 1, 4, 2])
    torch.testing.assert_close(
        value_of(name, student[order], teacher[order], some_labels()[order]),
        value_of(name, student, teacher),
        rtol=1e-12,
        atol=0,
    )


@pytest.mark.parametrize('name', [name for name in LOSSES if name != 'MultiLevelLogit'])
def test_the_loss_is_the_mean_over_the_batch(name):
    student, teacher = logits()
    tripled = value_of(name, torch.cat([student] * 3), torch.cat([teacher] * 3), some_labels().repeat(3))
    torch.testing.assert_close(tripled, value_of(name, student, teacher))


@every_loss
def test_gradient_reaches_the_student_and_not_the_teacher(name):
    student, teacher = logits()
    student_before, teacher_before = student.detach().clone(), teacher.clone()
    teacher.requires_grad_()
    value_of(name, student, teacher).backward()
    assert student.grad.abs().max() > 0
    assert teacher.grad is None
    assert torch.equal(student, student_before) and torch.equal(teacher, teacher_before)


@every_loss
def test_autocast_leaves_value_and_gradient_as_precise_as_float32(name):
    _, teacher = logits(num_classes=20)
    noise = torch.randn(teacher.shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    exact_student = (teacher + 0.1 * noise).requires_grad_()
    value_of(name, exact_student, teacher).backward()
    student = exact_student.detach().float().requires_grad_()
    with torch.autocast('cpu', dtype=torch.bfloat16):
        value = value_of(name, student, teacher.float())
    value.backward()
    assert value.dtype == torch.float32
    assert (student.grad - exact_student.grad).norm() / exact_student.grad.norm() < 1e-3


@every_loss
def test_half_precision_inputs_are_compared_in_float32_and_float64_stays(name):
    student, teacher = logits()
    value = value_of(name, student.bfloat16(), teacher.bfloat16())
    assert value.dtype == torch.float32
    torch.testing.assert_close(value, value_of(name, student.bfloat16().float(), teacher.bfloat16().float()))
    assert value_of(name, student, teacher).dtype == torch.float64


@every_loss
@pytest.mark.parametrize('gap', [1e4, -1e4, 0.0])
def test_extreme_and_equal_logits_give_finite_loss_and_gradient(name, gap):
    student = torch.tensor([[gap, 0.0, -gap], [0.0, 0.0, 0.0], [0.0, gap, 0.0]], requires_grad=True)
    value = value_of(name, student, torch.tensor([[-gap, 0.0, gap], [gap, 0.0, 0.0], [0.0, 0.0, gap]]))
    value.backward()
    assert value.isfinite() and student.grad.isfinite().all()


@every_loss
def test_logits_of_frames_count_like_clips_with_the_clips_label(name):
    student, teacher = logits(num_clips=12)
    by_frame = value_of(name, student.reshape(3, 4, 10), teacher.reshape(3, 4, 10), torch.tensor([1, 5, 2]))
    labels = torch.tensor([1, 5, 2]).repeat_interleave(4)
    torch.testing.assert_close(by_frame, value_of(name, student, teacher, labels))


@every_loss
def test_shapes_that_would_broadcast_are_refused(name):
    with pytest.raises(ValueError, match=r'student \(4, 10\) and teacher \(1, 10\).*connector'):
        value_of(name, torch.zeros(4, 10), torch.zeros(1, 10))


@every_loss
def test_a_map_is_not_taken_for_logits(name):
    with pytest.raises(ValueError, match=r'\(2, 8, 4, 7, 7\), expected logits'):
        value_of(name, torch.zeros(2, 8, 4, 7, 7), torch.zeros(2, 8, 4, 7, 7))


@pytest.mark.parametrize('name', ['DKD', 'DIST', 'WSLD', 'NKD', 'SoftCrossEntropy', 'TeacherFree'])
@pytest.mark.parametrize('temperature', [0, float('nan')])
def test_a_temperature_that_does_not_divide_is_refused_when_built(name, temperature):
    with pytest.raises(ValueError, match='temperature'):
        MODELS.build(dict(type=name, temperature=temperature))


@pytest.mark.parametrize('loss', [*LOSSES.values(), TeacherFree()], ids=[*LOSSES, 'TeacherFree'])
def test_the_card_of_a_loss_says_whether_it_needs_labels(loss):
    wrapped = getattr(loss, 'loss', loss)
    assert ('labels' in wrapped.card.needs) == ('labels' in extra_inputs(loss))


# Labels.


@every_loss_with_labels
def test_an_unlabelled_sample_counts_0_in_the_mean(name):
    student, teacher = logits()
    labels = some_labels()
    labels[4:] = -1
    value = value_of(name, student, teacher, labels)
    value.backward()
    torch.testing.assert_close(value, value_of(name, student[:4], teacher[:4], labels[:4]) * 4 / 6)
    assert student.grad[4:].abs().max() == 0 and student.grad[:4].abs().min() > 0


@every_loss_with_labels
def test_without_any_label_the_loss_is_0_and_every_parameter_has_a_gradient(name):
    student, teacher = logits()
    loss = LOSSES[name]
    loss.zero_grad()
    value = value_of(name, student, teacher, torch.full((6,), -1))
    value.backward()
    assert value.item() == 0 and student.grad.abs().max() == 0
    assert all(parameter.grad is not None for parameter in loss.parameters())


@every_loss_with_labels
@pytest.mark.parametrize(
    'labels, message',
    [
        (torch.full((6,), 10), 'labels from 10 to 10, but the logits have 10 classes'),
        (torch.full((6,), -2), 'labels from -2'),
        (torch.zeros(5, dtype=torch.int64), r'labels \(5,\)'),
        (torch.full((6, 10), 0.1), 'one class a sample'),
    ],
)
def test_labels_that_are_not_one_class_a_sample_are_refused(name, labels, message):
    with pytest.raises(ValueError, match=message):
        value_of(name, *logits(), labels)


@pytest.mark.parametrize('name', ['DKD', 'NKD', 'standardized DKD'])
def test_two_classes_are_refused_where_the_others_are_compared(name):
    with pytest.raises(ValueError, match='2 classes.*at least 3.*KLDivergence'):
        value_of(name, *logits(num_classes=2))
    assert DKD.card.min_classes == NKD.card.min_classes == 3


@pytest.mark.parametrize('name', ['KL', 'SoftCrossEntropy', 'DKD', 'ChannelWise'])
@pytest.mark.parametrize('temperature', [100.0, 1e3, 1e4])
def test_at_high_temperatures_float32_has_the_value_and_the_gradient_of_float64(name, temperature):
    student, teacher = (3 * side.detach() for side in logits(num_classes=51))
    labels = torch.arange(6)
    loss = dict(
        KL=kl_divergence,
        SoftCrossEntropy=soft_cross_entropy,
        ChannelWise=ChannelWise(tau=temperature),
        DKD=partial(dkd, labels=labels),
    )[name]
    options = {} if name == 'ChannelWise' else dict(temperature=temperature)
    values, gradients = [], []
    for dtype in (torch.float32, torch.float64):
        pair = [side.to(dtype).requires_grad_() for side in (student, teacher)]
        values.append(loss(*(side[:, None] if name == 'ChannelWise' else side for side in pair), **options))
        gradients.append(torch.autograd.grad(values[-1], pair[0])[0])
    assert values[0].item() == pytest.approx(values[1].item(), rel=1e-4)
    assert (gradients[0] - gradients[1]).norm() < 1e-4 * gradients[1].norm()


@every_loss_with_labels
@pytest.mark.parametrize('dtype', [torch.int32, torch.int16])
def test_labels_of_any_integer_type_are_taken(name, dtype):
    student, teacher = logits()
    labels = torch.tensor([1, 5, 2, -1, 0, 9])
    assert torch.equal(value_of(name, student, teacher, labels.to(dtype)), value_of(name, student, teacher, labels))
    assert torch.equal(TeacherFree()(student, None, labels.to(dtype)), TeacherFree()(student, None, labels))


@pytest.fixture
def two_ranks(monkeypatch):
    """Run ``compute(rank)`` of ranks 0 and 1 in two threads that exchange tensors as processes do."""
    barrier, sent, local = threading.Barrier(2, timeout=60), {}, threading.local()

    def all_gather(tensor):
        sent[local.rank] = tensor
        barrier.wait()
        received = [sent[0], sent[1]]
        barrier.wait()
        return received

    monkeypatch.setattr(gathering, 'get_world_size', lambda: 2)
    monkeypatch.setattr(gathering, 'get_rank', lambda: local.rank)
    monkeypatch.setattr(gathering, 'all_gather', all_gather)

    def run(compute):
        def as_rank(rank):
            local.rank = rank
            return compute(rank)

        with ThreadPoolExecutor(2) as pool:
            return list(pool.map(as_rank, range(2)))

    return run


@pytest.mark.parametrize('name', ['DIST', 'MultiLevelLogit'])
def test_two_processes_take_the_step_that_one_with_both_batches_takes(name, two_ranks, monkeypatch):
    student, teacher = logits()
    halves = [half.detach().clone().requires_grad_() for half in student.chunk(2)]

    def step(rank):
        value = value_of(name, halves[rank], teacher.chunk(2)[rank])
        value.backward()
        return value.item()

    mean_value = np.mean(two_ranks(step))
    monkeypatch.setattr(gathering, 'get_world_size', lambda: 1)
    alone = value_of(name, student, teacher)
    alone.backward()
    assert mean_value == pytest.approx(alone.item(), rel=1e-10)
    # Data parallel training takes the mean of the processes' gradients.
    torch.testing.assert_close(torch.cat([half.grad for half in halves]) / 2, student.grad)
