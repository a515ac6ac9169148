"""The class token's attention of a teacher's last block, against the attention computed by hand; and who has none."""

import pytest
import timm
import torch
import transformers
from mmengine.registry import init_default_scope
from torch import nn

from kdtoolbox.teachers import EmbeddingTeacher, ImageTeacher
from kdtoolbox.teachers.class_attention import ClassAttention
from kdtoolbox.teachers.embedding_models import TransformersEmbedding

SIZES = dict(hidden_size=16, intermediate_size=32, num_hidden_layers=2, num_attention_heads=2, image_size=32)
FRAMES = torch.randn(2, 3, 3, 32, 32, generator=torch.Generator().manual_seed(0))
VIEW = dict(size=32, mean=[0.0] * 3, std=[1.0] * 3)


def timm_vit(registers: int = 0, **options) -> nn.Module:
    torch.manual_seed(0)
    return timm.models.VisionTransformer(
        img_size=32, patch_size=8, embed_dim=16, depth=2, num_heads=2, num_classes=5, reg_tokens=registers, **options
    )


def transformers_model(name: str) -> nn.Module:
    torch.manual_seed(0)
    if name == 'clip':
        text = dict(hidden_size=16, intermediate_size=32, num_hidden_layers=1, num_attention_heads=2, vocab_size=9)
        vision = dict(**SIZES, patch_size=8)
        model = transformers.CLIPModel(
            transformers.CLIPConfig(text_config=text, vision_config=vision, projection_dim=16)
        )
    elif name == 'dinov2':
        model = transformers.Dinov2Model(
            transformers.Dinov2Config(**{k: v for k, v in SIZES.items() if k != 'intermediate_size'}, patch_size=8)
        )
    elif name == 'registers':
        options = {key: value for key, value in SIZES.items() if key != 'intermediate_size'}
        model = transformers.Dinov2WithRegistersModel(
            transformers.Dinov2WithRegistersConfig(**options, patch_size=8, num_register_tokens=3)
        )
    else:
        model = transformers.SiglipVisionModel(transformers.SiglipVisionConfig(**SIZES, patch_size=8))
    return TransformersEmbedding(model)


def attention_of_the_last_block(network: nn.Module, images) -> torch.Tensor:
    """As the library itself gives it where all blocks compute their attention the plain way."""
    model = network.model
    model = getattr(model, 'vision_model', model)
    model.set_attn_implementation('eager')
    return model(pixel_values=images, output_attentions=True).attentions[-1].mean(1)[:, 0]


@pytest.mark.parametrize('registers', [0, 3])
def test_of_a_vit_of_timm_it_is_the_softmax_of_query_and_keys(registers):
    teacher = ImageTeacher(timm_vit(registers), view=VIEW)
    teacher.listen(['class_attention', 'blocks.1'])
    answers = teacher(FRAMES)
    network = teacher.network
    x = network.blocks[0](network._pos_embed(network.patch_embed(FRAMES.flatten(0, 1))))
    queries, keys, _ = (
        network.blocks[1].attn.qkv(network.blocks[1].norm1(x)).view(6, -1, 3, 2, 8).permute(2, 0, 3, 1, 4)
    )
    weights = (queries[:, :, :1] @ keys.transpose(-1, -2) / 8**0.5).softmax(-1).mean(1)[:, 0, 1 + registers :]
    expected = weights.view(2, 3, 16).transpose(1, 2)
    torch.testing.assert_close(answers['class_attention'], expected)
    plain = ImageTeacher(timm_vit(registers), view=VIEW)
    plain.listen(['blocks.1'])
    torch.testing.assert_close(answers['blocks.1'], plain(FRAMES)['blocks.1'])
    assert network.blocks[0].attn.fused_attn == plain.network.blocks[0].attn.fused_attn


@pytest.mark.parametrize('name, prefix', [('clip', 1), ('dinov2', 1), ('registers', 4)])
def test_of_a_model_of_transformers_it_is_what_the_library_gives(name, prefix):
    init_default_scope('kdtoolbox')
    teacher = EmbeddingTeacher(transformers_model(name), view=VIEW)
    teacher.listen(['class_attention'])
    answers = teacher(FRAMES)
    expected = attention_of_the_last_block(transformers_model(name).eval(), FRAMES.flatten(0, 1))[:, prefix:]
    torch.testing.assert_close(answers['class_attention'], expected.view(2, 3, 16).transpose(1, 2))


def test_siglip_has_no_class_token_and_its_pooling_head_is_asked():
    teacher = EmbeddingTeacher(transformers_model('siglip'), view=VIEW)
    teacher.listen(['class_attention'])
    attention = teacher(FRAMES)['class_attention']
    assert attention.shape == (2, 16, 3)
    torch.testing.assert_close(attention.sum(1), torch.ones(2, 3))


@pytest.mark.parametrize('registers', [0, 2])
def test_so_is_that_of_timm_which_stays_in_its_fused_kernel(registers):
    def siglip():
        return timm_vit(registers, class_token=False, global_pool='map').eval()

    teacher = ImageTeacher(siglip(), view=VIEW)
    teacher.listen(['class_attention'])
    answers = teacher(FRAMES)
    network = siglip()
    assert network.attn_pool.fused_attn == teacher.network.attn_pool.fused_attn
    x, head = network.forward_features(FRAMES.flatten(0, 1))[:, registers:], network.attn_pool
    queries = head.q(head.latent).view(1, 1, 2, 8).transpose(1, 2)
    keys = head.kv(x).view(6, 16, 2, 2, 8)[:, :, 0].transpose(1, 2)
    expected = (queries @ keys.transpose(-1, -2) / 8**0.5).softmax(-1).mean(1)[:, 0]
    torch.testing.assert_close(answers['class_attention'], expected.view(2, 3, 16).transpose(1, 2))
    torch.testing.assert_close(answers['class_attention'].sum(1), torch.ones(2, 3))


def test_it_costs_no_second_forward_pass():
    network, runs = timm_vit(), []
    network.patch_embed.register_forward_hook(lambda *_: runs.append(1))
    teacher = ImageTeacher(network, view=VIEW)
    teacher.listen(['class_attention'])
    runs.clear()
    teacher(FRAMES)
    assert len(runs) == 1


@pytest.mark.parametrize(
    'network, message',
    [
        (lambda: timm_vit(class_token=False, global_pool='avg'), 'VisionTransformer has no class token'),
        (lambda: nn.Sequential(nn.Flatten(), nn.Linear(4, 2)), 'Sequential has no attention'),
    ],
)
def test_a_teacher_without_such_attention_is_told_what_to_take(network, message):
    with pytest.raises(ValueError, match=f'{message}.*take a ViT with a class token'):
        ClassAttention(network())
