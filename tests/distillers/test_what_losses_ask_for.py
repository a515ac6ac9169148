"""What losses and connectors ask for by name: labels, sample ids, classifiers, times."""

import copy

import pytest
import torch
from torch import nn

from kdtoolbox.registry import MODELS
from tests.distillers.training_steps import build, losses_of, step
from tests.tiny import (
    NUM_TEACHER_CLASSES,
    batch,
    student_config,
    teacher_config,
)


def test_a_loss_gets_the_labels_and_sample_ids_it_asks_for():
    seen = {}

    @MODELS.register_module(force=True)
    class AsksForLabels(nn.Module):
        def forward(self, student, teacher, labels, sample_ids):
            seen.update(labels=labels, sample_ids=sample_ids)
            return student.mean()

    distiller = build(teacher=teacher_config(), terms=dict(kd=dict(loss=dict(type='AsksForLabels'))))
    step(distiller, batch(labels=[3, 1, 4, 1]))
    assert seen['labels'].tolist() == [3, 1, 4, 1] and seen['sample_ids'][1] == 'video1'
    with pytest.raises(ValueError, match='needs labels, but use_labels=False'):
        build(teacher=teacher_config(), terms=dict(kd=dict(loss=dict(type='AsksForLabels'))), use_labels=False)


def test_a_loss_that_asks_for_what_there_is_not_is_refused():
    @MODELS.register_module(force=True)
    class AsksForMagic(nn.Module):
        def forward(self, student, teacher, magic):
            return student.mean()

    with pytest.raises(ValueError, match=r'AsksForMagic.forward takes \(student, teacher, magic\)'):
        build(teacher=teacher_config(), terms=dict(kd=dict(loss=dict(type='AsksForMagic'))))


def test_the_probed_teacher_teaches_a_head_of_the_same_classes():
    distiller = build(
        teacher=dict(type='ImageTeacher', model=dict(type='TinyImageNet', num_classes=5), view=dict(size=24)),
        terms=dict(kd=dict(loss=dict(type='KLDivergence', temperature=4.0))),
        student_view=dict(size=16),
    )
    assert losses_of(distiller.train(), batch())['loss_kd'] > 0
    assert NUM_TEACHER_CLASSES != 5


@MODELS.register_module(force=True)
class AsksForClassifiers(nn.Module):
    """The student's features through both classifiers."""

    def forward(self, student, teacher, student_classifier, teacher_classifier):
        self.seen = student_classifier, teacher_classifier
        return student_classifier(student).mean() + teacher_classifier(teacher).mean()


def classifier_term(**options):
    return dict(dict(loss=dict(type='AsksForClassifiers'), student='features', teacher='features'), **options)


def test_a_loss_gets_the_classifiers_of_the_student_and_of_its_teacher():
    video = dict(type='RecognizerTeacher', recognizer=student_config(), view=dict(size=16))
    distiller = build(
        teacher=dict(image=teacher_config(), video=video),
        terms=dict(a=classifier_term(teacher='image.features'), b=classifier_term(teacher='video.features')),
    )
    losses = losses_of(distiller.train(), batch())
    student, of_image = distiller.criterion.terms.a.loss.seen
    assert student is distiller.student.cls_head.fc_cls and of_image is distiller.teachers['image'].network.fc
    assert distiller.criterion.terms.b.loss.seen[1] is distiller.teachers['video'].network.cls_head.fc_cls
    losses['loss_a'].backward()
    assert distiller.student.cls_head.fc_cls.weight.grad.abs().sum() > 0


def test_a_probe_is_the_classifier_of_its_teacher():
    distiller = build(teacher=teacher_config(), terms=dict(kd=classifier_term()))
    distiller.teachers[''].probe = nn.Linear(8, 3)
    losses_of(distiller.train(), batch())
    assert distiller.criterion.terms.kd.loss.seen[1] is distiller.teachers[''].probe


def test_a_copy_asks_its_own_student():
    distiller = build(teacher=teacher_config(), terms=dict(kd=classifier_term())).train()
    copied = copy.deepcopy(distiller)
    losses_of(copied, batch())
    assert copied.criterion.terms.kd.loss.seen[0] is copied.student.cls_head.fc_cls


@pytest.mark.parametrize(
    'teacher, term, message',
    [
        (
            dict(a=teacher_config(), b=teacher_config()),
            classifier_term(teacher=['a.features', 'b.features']),
            'several teachers',
        ),
        (teacher_config(), classifier_term(teacher=None), 'no teacher'),
    ],
)
def test_a_classifier_that_no_single_teacher_has_is_refused_when_built(teacher, term, message):
    with pytest.raises(ValueError, match=f"term 'kd': AsksForClassifiers asks for the teacher's classifier.*{message}"):
        build(teacher=teacher, terms=dict(kd=term))


def test_a_connector_is_told_the_times_of_what_both_networks_are_shown():
    """The student sees frames 0, 2, 4, 6 of 8, the teacher 0 and 4, where the student's 1st and 3rd are."""
    terms = dict(
        hint=dict(
            loss=dict(type='L2'),
            student='backbone.layer2',
            teacher='layer2',
            student_connector=[dict(type='TemporalAlign'), dict(type='MatchSpace', size=6)],
        )
    )
    teacher = dict(teacher_config(), view=dict(size=24, frame_stride=4))
    distiller = build(teacher=teacher, terms=terms, student_view=dict(size=16, frame_stride=2), clip_shape=(8, 24, 24))
    seen = {}
    align, _match = distiller.criterion.terms.hint.student_connector
    align.register_forward_hook(lambda _, args, kwargs, out: seen.update(kwargs, x=args[0], out=out), with_kwargs=True)
    losses_of(distiller.train(), batch(2, frames=8, pixels=24))
    assert seen['times'].tolist() == [0, 2, 4, 6] and seen['target_times'].tolist() == [0, 4]
    torch.testing.assert_close(seen['out'], seen['x'][:, :, ::2])
