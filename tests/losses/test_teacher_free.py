"""The virtual teacher of teacher-free distillation."""

import numpy as np
import pytest
import torch
from scipy.special import softmax
from scipy.stats import entropy
from torch.nn import functional as F

from kdtoolbox.losses import (
    TeacherFree,
)
from kdtoolbox.losses.logits.teacher_free import virtual_teacher
from tests.losses.random_logits import logits, some_labels


def test_teacher_free_without_temperature_is_torchs_label_smoothing():
    student, _ = logits()
    labels = some_labels()
    value = TeacherFree(correct_probability=0.9, temperature=1)(student, None, labels)
    # torch spreads the smoothing over the label's class too.
    smoothed = F.cross_entropy(student, labels, label_smoothing=0.1 * 10 / 9)
    entropy_of_teacher = entropy([0.9] + [0.1 / 9] * 9)
    assert value.item() == pytest.approx(smoothed.item() - entropy_of_teacher, rel=1e-6)


def test_teacher_free_softens_both_sides_as_in_the_paper():
    student, _ = logits()
    virtual = np.where(np.eye(10)[some_labels()], 0.99, 0.01 / 9) ** (1 / 20)
    expected = 400 * entropy(virtual, softmax(student.detach().numpy() / 20, 1), axis=1).mean()
    assert TeacherFree()(student, None, some_labels()).item() == pytest.approx(expected, rel=1e-5)


def test_teacher_free_has_no_gradient_where_the_student_is_the_virtual_teacher():
    labels = some_labels()
    student = virtual_teacher(labels, num_classes=10, correct_probability=0.99).requires_grad_()
    TeacherFree()(student, None, labels).backward()
    assert student.grad.abs().max() < 1e-5


def test_teacher_free_leaves_unlabelled_samples_out():
    student, _ = logits()
    value = TeacherFree()(student, None, torch.tensor([0, 1, 2, -1, -1, -1]))
    torch.testing.assert_close(value, TeacherFree()(student[:3], None, torch.tensor([0, 1, 2])) / 2)
    assert TeacherFree()(student, None, torch.full((6,), -1)) == 0


def test_teacher_free_with_a_teacher_says_that_it_uses_none():
    student, teacher = logits()
    with pytest.raises(ValueError, match='teacher=None'):
        TeacherFree()(student, teacher, some_labels())


@pytest.mark.parametrize('probability', [0, 1, 99])
def test_a_virtual_teacher_without_doubt_is_refused(probability):
    with pytest.raises(ValueError, match='correct_probability'):
        TeacherFree(correct_probability=probability)
