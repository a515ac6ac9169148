import pytest
import timm
import torch

from kdtoolbox.connectors import ClassToken, GlobalPool, MapToTokens, TokensToMap
from kdtoolbox.teachers import ImageTeacher


def numbered_map(frames=3, height=2, width=4):
    """(2, 5, T, H, W) whose every element is another number."""
    return torch.arange(2.0 * 5 * frames * height * width).view(2, 5, frames, height, width)


def with_prefix(tokens, dim, count):
    shape = list(tokens.shape)
    shape[dim] = count
    return torch.cat([torch.full(shape, -1.0), tokens], dim=dim)


@pytest.mark.parametrize('prefix', [0, 1, 5])
def test_tokens_of_an_image_teacher_become_the_map_they_list(prefix):
    expected = numbered_map()
    tokens = with_prefix(MapToTokens()(expected), 3, prefix)
    assert torch.equal(TokensToMap(prefix, grid=(2, 4))(tokens), expected)
    assert torch.equal(TokensToMap(prefix, grid=(3, 2, 4))(tokens), expected)


def test_a_square_is_found_out():
    expected = numbered_map(height=4, width=4)
    assert torch.equal(TokensToMap(1)(with_prefix(MapToTokens()(expected), 3, 1)), expected)


@pytest.mark.parametrize('prefix', [0, 1])
def test_tokens_of_a_video_transformer_become_the_map_they_list(prefix):
    expected = numbered_map()
    of_the_clip = with_prefix(expected.flatten(2).transpose(1, 2), 1, prefix)
    of_each_frame = with_prefix(expected.transpose(1, 2).flatten(0, 1).flatten(2).transpose(1, 2), 1, prefix)
    for tokens in (of_the_clip, of_each_frame):
        assert torch.equal(TokensToMap(prefix, grid=(3, 2, 4))(tokens), expected)


@pytest.mark.parametrize(
    'connector, shape, message',
    [
        (TokensToMap(0), (2, 5, 3, 17), 'the 17 tokens .* square: set num_prefix_tokens=1, or grid'),
        (TokensToMap(2), (2, 5, 3, 197), 'the 195 tokens .* square: set num_prefix_tokens=1, or grid'),
        (TokensToMap(0), (2, 5, 3, 48), 'the 48 tokens .* square: set num_prefix_tokens=12, or grid'),
        (TokensToMap(1, grid=(4, 4)), (2, 5, 3, 16), r'the 15 tokens after num_prefix_tokens=1 .* grid \(4, 4\)'),
        (TokensToMap(1), (2, 5, 3, 1), 'the 0 tokens'),
        (TokensToMap(0, grid=(2, 4, 4)), (2, 5, 3, 16), r'grid \(2, 4, 4\)'),
        (TokensToMap(0), (2, 16, 5), r'need grid=\(T, H, W\)'),
        (TokensToMap(0, grid=(4, 4)), (2, 16, 5), 'need grid'),
        (TokensToMap(0, grid=(3, 2, 2)), (2, 13, 5), 'the 13 tokens'),
        (TokensToMap(0, grid=(3, 2, 2)), (2, 4, 5), 'the 4 tokens'),
        (TokensToMap(0), (2, 5), 'expected tokens'),
        (MapToTokens(), (2, 5, 3), 'expected maps'),
    ],
)
def test_tokens_that_do_not_fill_the_grid_are_refused(connector, shape, message):
    with pytest.raises(ValueError, match=message):
        connector(torch.zeros(shape))


@pytest.mark.parametrize(
    'build, message',
    [
        (lambda: TokensToMap(-1), '0 or more'),
        (lambda: TokensToMap(1, grid=(4,)), 'expected .H, W.'),
        (lambda: TokensToMap(1, grid=(0, 4)), '1 or more'),
    ],
)
def test_options_out_of_range_are_refused_when_built(build, message):
    with pytest.raises(ValueError, match=message):
        build()


def test_the_class_token_of_each_frame_is_what_the_head_of_a_vit_gets():
    vit = timm.models.VisionTransformer(
        img_size=16, patch_size=8, embed_dim=8, depth=1, num_heads=2, num_classes=3, reg_tokens=2
    )
    teacher = ImageTeacher(vit, view=dict(size=16), pooling='mean_logits')
    teacher.listen(['norm', 'frame_features'])
    answers = teacher(torch.rand(2, 3, 3, 16, 16))
    frames = ClassToken()(answers['norm'])
    torch.testing.assert_close(frames, answers['frame_features'])
    torch.testing.assert_close(GlobalPool()(frames), answers['features'])
    blocks = torch.rand(2, 5, 8)
    assert torch.equal(ClassToken()(blocks), blocks[:, 0])
    with pytest.raises(ValueError, match='ClassToken got .*expected tokens'):
        ClassToken()(torch.zeros(2, 8))
