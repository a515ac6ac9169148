"""Hiding tokens of a transformer: what is computed, which students can, and what they say if not."""

import copy

import pytest
import timm
import torch
from mmengine.registry import init_default_scope
from torch import nn

from kdtoolbox.hidden_tokens import RandomTokens, grid_of, hiding
from kdtoolbox.hidden_tokens.hiding import transformer_of
from kdtoolbox.registry import MODELS
from tests import tiny


@pytest.fixture(scope='module')
def student():
    init_default_scope('kdtoolbox')
    torch.manual_seed(0)
    return MODELS.build(tiny.transformer_config()).train()


CLIPS = torch.randn(2, 1, 3, 4, 32, 32, generator=torch.Generator().manual_seed(0))


def block_outputs(student, hidden):
    seen = []
    handle = student.backbone.blocks[-1].register_forward_hook(lambda module, inputs, output: seen.append(output))
    with hiding(student, hidden):
        features = student.backbone(CLIPS[:, 0])
    handle.remove()
    return seen[0], features


def test_visible_tokens_pass_the_blocks_as_if_only_they_had_been_there(student):
    hidden = RandomTokens(keep=0.25)(tiny.TOKEN_GRID, ['a', 'b'])
    tokens, features = block_outputs(student, hidden)
    backbone = student.backbone
    x = backbone.patch_embed(CLIPS[:, 0])[0] + backbone.pos_embed
    x = torch.stack([clip[~mask] for clip, mask in zip(x, hidden)])
    for block in backbone.blocks:
        x = block(x)
    assert tokens.shape == (2, 8, tiny.TOKEN_CHANNELS)
    assert torch.equal(tokens, x) and torch.equal(features, backbone.fc_norm(x.mean(1)))


def test_hidden_pixels_change_nothing(student):
    hidden = RandomTokens(keep=0.5)(tiny.TOKEN_GRID, ['a', 'b'])
    tokens, _ = block_outputs(student, hidden)
    cells = hidden.view(2, 1, *tiny.TOKEN_GRID).float()
    pixels = nn.functional.interpolate(cells, (4, 32, 32), mode='nearest').bool()
    changed = CLIPS.clone()
    changed[:, 0] = changed[:, 0].masked_fill(pixels, 9.0)
    with hiding(student, hidden):
        assert torch.equal(student.backbone(changed[:, 0]), student.backbone(CLIPS[:, 0]))
    assert tokens.isfinite().all()


def test_afterwards_and_with_none_hidden_the_student_is_as_before(student):
    before, state = student.backbone(CLIPS[:, 0]), copy.deepcopy(student.state_dict())
    block_outputs(student, RandomTokens(keep=0.5)(tiny.TOKEN_GRID, ['a', 'b']))
    with hiding(student, None):
        assert torch.equal(student.backbone(CLIPS[:, 0]), before)
    assert not student.backbone.pos_drop._forward_hooks
    assert all(torch.equal(value, state[key]) for key, value in student.state_dict().items())


@pytest.mark.parametrize('registers', [0, 3])
def test_a_vit_of_timm_keeps_its_class_and_register_tokens(registers):
    torch.manual_seed(0)
    options = dict(img_size=32, patch_size=8, embed_dim=16, depth=2, num_heads=2, num_classes=5, reg_tokens=registers)
    vit = timm.models.VisionTransformer(**options).eval()
    frames = torch.randn(2, 3, 3, 32, 32)  # of two clips of three frames
    hidden = RandomTokens(keep=0.25, each_step=True)((3, 4, 4), ['a', 'b'])
    assert grid_of(vit, frames) == (3, 4, 4)
    with hiding(vit, hidden):
        tokens = vit.forward_features(frames.flatten(0, 1))
    x = vit._pos_embed(vit.patch_embed(frames.flatten(0, 1)))
    kept = torch.stack([patches[~mask] for patches, mask in zip(x[:, 1 + registers :], hidden.view(6, 16))])
    x = vit.norm(vit.blocks(torch.cat([x[:, : 1 + registers], kept], dim=1)))
    torch.testing.assert_close(tokens, x)
    assert tokens.shape == (6, 1 + registers + 4, 16)


@pytest.mark.parametrize(
    'backbone, message',
    [
        (dict(type='SwinTransformer3D', arch='tiny'), 'SwinTransformer3D.*need all tokens.*drop student_tokens'),
        (dict(type='MViT', arch='tiny', spatial_size=32, temporal_size=4), 'MViT.*need all tokens'),
        (dict(type='UniFormer', depth=[1] * 4, embed_dim=[16] * 4, head_dim=16), 'UniFormer.*need all tokens'),
        (dict(type='ResNet3d', depth=18, pretrained=None), 'ResNet3d has no tokens'),
        (tiny.transformer_config(return_feat_map=True)['backbone'], 'return_feat_map=True'),
    ],
)
def test_students_that_need_all_tokens_or_have_none_say_so(backbone, message):
    init_default_scope('kdtoolbox')
    with pytest.raises(ValueError, match=message):
        transformer_of(MODELS.build(backbone))


def test_patches_that_do_not_fill_the_clip_and_masks_of_another_grid_are_refused(student):
    with pytest.raises(ValueError, match=r'\(2, 8, 8\) do not fill clips of \(4, 36, 32\)'):
        grid_of(student, torch.zeros(1, 1, 3, 4, 36, 32))
    with (
        pytest.raises(ValueError, match='has 32 tokens, expected 0 class and register tokens and 16 patches'),
        hiding(student, torch.ones(2, 16, dtype=torch.bool)),
    ):
        student.backbone(CLIPS[:, 0])
