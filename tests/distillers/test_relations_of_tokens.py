"""Losses of vectors and of frames over tokens: similarities of class tokens, relations of tokens across time."""

import pytest
import torch
from mmengine.registry import init_default_scope

from kdtoolbox.losses import FrameClipRelation
from tests import tiny
from tests.distillers.test_student_tokens import distiller

BLOCKS = dict(student='backbone.blocks.1', teacher='blocks.1')
SUMMARIES = dict(BLOCKS, teacher_connector=[dict(type='ClassToken'), dict(type='GlobalPool')])
CHANNELS = dict(student_channels='auto', teacher_channels='auto')
TERMS = {
    'seed': dict(
        SUMMARIES,
        student_connector=[
            dict(type='ClassToken'),
            dict(type='LinearProjection', in_channels='auto', out_channels='auto'),
        ],
        loss=dict(type='SEED', queue_size=8, teacher_channels='auto'),
    ),
    'compress': dict(
        SUMMARIES, student_connector=dict(type='ClassToken'), loss=dict(type='CompRess', queue_size=8, **CHANNELS)
    ),
    'across_time': dict(
        BLOCKS,
        student_connector=dict(type='TokensToMap', num_prefix_tokens=1, grid=tiny.TOKEN_GRID),
        teacher_connector=dict(type='ClassToken'),
        loss=dict(type='FrameClipRelation'),
    ),
}


@pytest.fixture(scope='module')
def step():
    """What the blocks of both gave in the second step, its losses, and the model with its gradients."""
    init_default_scope('kdtoolbox')
    student = tiny.transformer_config(num_summary_tokens=1)
    student['backbone'].update(type='SummaryVisionTransformer')
    model = distiller(TERMS, student=student, use_labels=False)
    tapped = {}
    for side, network in (('student', model.student.backbone), ('teacher', model.teachers[''].network)):
        network.blocks[1].register_forward_hook(lambda module, inputs, output, side=side: tapped.update({side: output}))
    for seed in (0, 1):
        batch = tiny.batch(2, frames=4, pixels=32, seed=seed)
        losses = model(**model.data_preprocessor(batch, training=True), mode='loss')
    sum(losses.values()).backward()
    return tapped, losses, model


def test_summary_and_patches_learn_from_similarities_and_the_teacher_does_not(step):
    _, losses, model = step
    assert losses.keys() == {f'loss_{name}' for name in TERMS} and all(map(torch.isfinite, losses.values()))
    backbone = model.student.backbone
    assert backbone.cls_token.grad.any() and backbone.patch_embed.projection.weight.grad.any()
    assert all(parameter.grad is None for parameter in model.teachers[''].parameters())


def test_the_relation_across_time_is_that_of_the_mean_patches_of_a_step_to_the_class_token_of_a_frame(step):
    tapped, losses, _ = step
    time = tiny.TOKEN_GRID[0]
    patches = tapped['student'][:, 1:].unflatten(1, (time, -1)).mean(2).transpose(1, 2)
    tokens = tapped['teacher'][:, 0].unflatten(0, (2, time)).transpose(1, 2)
    torch.testing.assert_close(losses['loss_across_time'], FrameClipRelation()(patches, tokens))
