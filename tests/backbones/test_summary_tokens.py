"""A video transformer with a summary token for each teacher: against mmaction2's own, its weights, hidden, copied."""

import copy

import pytest
import torch
from mmengine.optim import build_optim_wrapper
from mmengine.registry import init_default_scope

from kdtoolbox.connectors import ClassToken, PatchTokens
from kdtoolbox.hidden_tokens import RandomTokens, hiding
from kdtoolbox.registry import MODELS
from kdtoolbox.teachers.token_layout import layout_of_recognizer
from tests import tiny

CLIPS = torch.randn(2, 3, 4, 32, 32, generator=torch.Generator().manual_seed(0))
SUMMARIES = dict(type='SummaryVisionTransformer', num_summary_tokens=2)


def recognizer(**backbone):
    init_default_scope('kdtoolbox')
    torch.manual_seed(0)
    config = tiny.transformer_config()
    config['backbone'].update(backbone)
    return MODELS.build(config)


def by_hand(plain, summaries, hidden=None):
    """All tokens behind the last block of mmaction2's transformer, with tokens before its patches."""
    patches = plain.patch_embed(CLIPS)[0] + plain.pos_embed
    if hidden is not None:
        patches = torch.stack([clip[~mask] for clip, mask in zip(patches, hidden)])
    x = torch.cat([summaries.expand(2, -1, -1), patches], dim=1)
    for block in plain.blocks:
        x = block(x)
    return x


@pytest.mark.parametrize('hides', [False, True])
def test_summaries_pass_the_blocks_before_the_patches_whose_mean_the_head_gets_and_are_never_hidden(hides):
    plain, student = recognizer(), recognizer(**SUMMARIES)
    student.load_state_dict(plain.state_dict())  # strictly
    hidden = RandomTokens(keep=0.25)(tiny.TOKEN_GRID, ['a', 'b']) if hides else None
    tapped = []
    student.backbone.blocks[-1].register_forward_hook(lambda module, inputs, output: tapped.append(output))
    with hiding(student, hidden):
        features = student.backbone(CLIPS)
    expected = by_hand(plain.backbone, student.backbone.cls_token, hidden)
    torch.testing.assert_close(tapped[0], expected)
    torch.testing.assert_close(features, plain.backbone.fc_norm(expected[:, 2:].mean(1)))
    assert torch.equal(ClassToken(1)(tapped[0]), tapped[0][:, 1])
    assert PatchTokens(2)(tapped[0]).shape == (2, tiny.TOKEN_CHANNELS, 8 if hides else 32)


def test_its_own_weights_load_strictly_and_another_number_of_summaries_is_refused():
    student, other = recognizer(**SUMMARIES), recognizer(**{**SUMMARIES, 'num_summary_tokens': 3})
    added = student.state_dict().keys() - recognizer().state_dict().keys()
    assert added == {'backbone.cls_token'}
    again = recognizer(**SUMMARIES)
    torch.nn.init.zeros_(again.backbone.cls_token)
    again.load_state_dict(student.state_dict())
    assert torch.equal(again.backbone.cls_token, student.backbone.cls_token)
    with pytest.raises(RuntimeError, match='size mismatch for backbone.cls_token'):
        other.load_state_dict(student.state_dict())


def test_a_copy_has_summaries_of_its_own():
    student = recognizer(**SUMMARIES).backbone
    before, copied = student(CLIPS), copy.deepcopy(student)
    torch.nn.init.constant_(copied.cls_token, 3.0)
    assert torch.equal(student(CLIPS), before) and not torch.equal(copied(CLIPS), before)


def test_they_learn_as_the_position_table_and_are_no_places_of_a_teacher():
    student = recognizer(**SUMMARIES)
    optimizer = dict(type='AdamW', lr=1.0, weight_decay=0.1)
    wrapper = build_optim_wrapper(
        student,
        dict(
            type='OptimWrapper',
            optimizer=optimizer,
            constructor='StudentLayerDecayConstructor',
            paramwise_cfg=dict(num_layers=2, decay_rate=0.5),
        ),
    )
    (group,) = (group for group in wrapper.optimizer.param_groups if student.backbone.cls_token is group['params'][0])
    assert group['lr'] == 0.5**3 and group['weight_decay'] == 0
    assert layout_of_recognizer(student).num_prefix_tokens == 2


def test_none_and_a_head_that_would_get_one_are_refused():
    for options in (dict(num_summary_tokens=0), dict(num_summary_tokens=1, use_mean_pooling=False)):
        with pytest.raises(ValueError, match='SummaryVisionTransformer num_summary_tokens=.*expected 1 or more'):
            recognizer(**{**SUMMARIES, **options})
