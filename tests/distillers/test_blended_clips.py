"""Students that blend clips (Mixup, CutMix): teachers see the same blend."""

import pytest
import torch

from kdtoolbox.registry import MODELS
from tests.distillers.training_steps import build
from tests.tiny import (
    batch,
    distillation_head,
    student_config,
    teacher_config,
)


def blending_distiller(term=None, **options):
    student = student_config()
    student['data_preprocessor']['blending'] = dict(type='MixupBlending', num_classes=5, alpha=1.0)
    return MODELS.build(
        dict(
            type='Distiller',
            student=student,
            teacher=teacher_config(),
            student_view=dict(size=16),
            terms=dict(kd=term or distillation_head()),
            **options,
        )
    ).train()


def test_student_and_teacher_see_the_same_blend_of_clips():
    distiller, clips = blending_distiller(), batch(4, pixels=48, labels=[0, 1, 2, 4])
    torch.manual_seed(0)
    out = distiller.data_preprocessor(clips, training=True)
    torch.manual_seed(0)
    share, order = torch.distributions.Beta(1.0, 1.0).sample(), torch.randperm(4)
    decoded = torch.cat(clips['inputs']).float()
    blend = share * decoded + (1 - share) * decoded[order]
    view = distiller.teachers[''].view
    torch.testing.assert_close(out['teacher_inputs'][''], view.render(blend).transpose(1, 2))
    plain = build(student_view=dict(size=16)).data_preprocessor
    expected = plain(dict(batch(4, pixels=48), inputs=list(blend.unsqueeze(1))), training=True)['inputs']
    torch.testing.assert_close(out['inputs'], expected)
    ones = torch.eye(5)[[0, 1, 2, 4]]
    labels = torch.stack([sample.gt_labels.item for sample in out['data_samples']])
    torch.testing.assert_close(labels, share * ones + (1 - share) * ones[order])
    losses = distiller(**out, mode='loss')
    assert losses['loss_cls'].isfinite() and losses['loss_kd'].isfinite()


def test_clips_without_labels_are_blended_too_unless_some_have_them():
    clips = batch(4, pixels=48)
    for sample in clips['data_samples']:
        sample.set_gt_labels(-1)
    out = blending_distiller(use_labels=False).data_preprocessor(clips, training=True)
    assert all(sample.gt_labels.item == -1 for sample in out['data_samples'])
    clips['data_samples'][0].set_gt_labels(2)
    with pytest.raises(ValueError, match='MixupBlending blends the labels of clips too, but 3 of 4'):
        blending_distiller().data_preprocessor(clips, training=True)


@pytest.mark.parametrize('loss, words', [(dict(type='DKD'), 'label'), (dict(type='CRD', num_samples=8), 'sample_id')])
def test_terms_that_need_to_know_the_one_clip_are_refused_where_clips_are_blended(loss, words):
    channels = dict(student_channels=32, teacher_channels=8) if loss['type'] == 'CRD' else {}
    source = 'features' if channels else 'logits'
    term = dict(student=source, teacher=source, loss=dict(loss, **channels))
    if not channels:
        term['student_connector'] = dict(type='LinearProjection', in_channels=5, out_channels=7)
    with pytest.raises(ValueError, match=f"term 'kd' asks for the {words} of each clip, but the student blends"):
        blending_distiller(term)
