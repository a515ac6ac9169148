"""Settings of a distiller that do not fit together are refused, with the fix."""

import copy

import pytest
import torch

from kdtoolbox.registry import MODELS
from tests.distillers.training_steps import build, build_with_head, losses_of, step
from tests.tiny import (
    batch,
    distillation_head,
    student_config,
    teacher_config,
)


@pytest.mark.parametrize(
    'options, message',
    [
        (dict(terms=dict(kd=dict(distillation_head(), student='backbone.layer9'))), "no module 'backbone.layer9'"),
        (dict(terms=dict(kd=dict(distillation_head(), teacher='layer7'))), "no module 'layer7'"),
        (
            dict(terms=dict(kd=distillation_head()), teacher=dict(a=teacher_config(), b=teacher_config())),
            'names no teacher',
        ),
        (dict(terms=dict(kd=distillation_head()), teacher=None), 'names no teacher'),
        (dict(terms=dict(kd=dict(student='logits'))), 'has no loss'),
        (dict(terms=dict(kd=dict(distillation_head(), wieght=2))), "unknown .'wieght'"),
        (dict(terms={}, use_labels=False), 'nothing to learn from'),
    ],
)
def test_what_does_not_fit_is_refused_when_built(options, message):
    with pytest.raises(ValueError, match=message):
        build(**{'teacher': teacher_config(), **options})


def test_an_unknown_loss_names_the_nearest():
    with pytest.raises(KeyError, match="no model called 'L22'.*did you mean 'L2'"):
        build(teacher=teacher_config(), terms=dict(kd=dict(distillation_head(), loss=dict(type='L22'))))


def test_classes_that_do_not_fit_are_refused_before_the_first_step():
    terms = dict(kd=dict(loss=dict(type='L2')))
    distiller = build(teacher=teacher_config(), terms=terms)
    before = copy.deepcopy(distiller.state_dict())
    with pytest.raises(ValueError, match=r"term 'kd', student 'logits' \(4, 5\), teacher 'logits' \(4, 7\)"):
        step(distiller, batch())
    parameters = dict(distiller.named_parameters())
    assert all(torch.equal(parameters[name], before[name]) for name in parameters)


def test_a_connector_of_the_wrong_width_says_which():
    term = dict(distillation_head(), student_connector=dict(type='LinearProjection', in_channels=64, out_channels=7))
    with pytest.raises(ValueError, match=r"term 'kd'.*LinearProjection got \(4, 32\).*set in_channels=32"):
        step(build(teacher=teacher_config(), terms=dict(kd=term)), batch())


def test_a_term_may_not_take_the_name_of_the_students_own_loss():
    distiller = build(teacher=teacher_config(), terms=dict(cls=distillation_head())).train()
    with pytest.raises(ValueError, match="a loss 'loss_cls' of its own: call the term something else than 'cls'"):
        losses_of(distiller, batch())


def test_a_label_beyond_the_head_is_refused():
    with pytest.raises(ValueError, match='has the label 7, but the student has 5 classes'):
        losses_of(build_with_head().train(), batch(labels=[0, 7, 1, 2]))


def test_clips_of_different_sizes_are_refused():
    data = batch(2)
    data['inputs'][1] = data['inputs'][1][..., :8]
    with pytest.raises(ValueError, match='different shapes'):
        step(build_with_head(), data)


def test_a_term_inside_of_a_checkpointed_block_is_refused_and_one_of_the_whole_block_is_not():
    student = student_config()
    student['backbone']['with_cp'] = True
    term = dict(loss=dict(type='L2'), teacher='features')
    model, whole = (
        MODELS.build(
            dict(
                type='Distiller',
                student=student,
                teacher=teacher_config(),
                student_view=dict(size=16),
                terms=dict(inside=dict(term, student=path, student_connector='auto')),
            )
        ).train()
        for path in ('backbone.layer3.0.conv1', 'backbone.layer3.0')
    )
    with pytest.raises(
        ValueError, match=r"tap 'backbone.layer3.0.conv1' runs inside of a block that is checkpointed.*with_cp"
    ):
        model(**model.data_preprocessor(batch(), True), mode='loss')
    whole(**whole.data_preprocessor(batch(), True), mode='loss')['loss_inside'].backward()
    assert whole.student.backbone.layer2[0].conv1.conv.weight.grad.any()
