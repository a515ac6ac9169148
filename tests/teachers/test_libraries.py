"""Teachers of timm and transformers for real: small networks with random weights, as the libraries build them."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from kdtoolbox.connectors import TokensToMap
from kdtoolbox.teachers import EmbeddingTeacher, ImageTeacher
from kdtoolbox.teachers.class_texts import class_texts
from tests.teachers.small_models import save_model, save_tokenizer

# Model of timm -> its side in pixels, the channels of its features, a tap and the shape of it without the batch.
TIMM = {
    'test_vit': (160, 64, 'norm', (64, 2, 101)),
    'test_convnext': (160, 64, 'stages.3', (64, 2, 5, 5)),
    'test_efficientnet': (160, 256, 'blocks.4', (64, 2, 5, 5)),
    'swin': (32, 32, 'patch_embed', None),
}


def network_of(name: str):
    timm = pytest.importorskip('timm')
    torch.manual_seed(0)
    if name != 'swin':
        return timm.create_model(name, num_classes=7)
    network = timm.models.SwinTransformer(
        img_size=32, patch_size=4, window_size=4, embed_dim=16, depths=(1, 1), num_heads=(1, 2), num_classes=7
    )
    network.pretrained_cfg = dict(input_size=(3, 32, 32), mean=(0.5, 0.5, 0.5), std=(0.25, 0.25, 0.25))
    return network


@pytest.mark.parametrize('name', TIMM)
def test_an_image_network_of_timm_gives_what_timm_gives(name):
    network = network_of(name).eval()
    teacher = ImageTeacher(network)
    size, channels, path, shape = TIMM[name]
    config = network.pretrained_cfg
    assert teacher.view.height_and_width == (size, size)
    assert list(teacher.view.mean) == pytest.approx([255 * value for value in config['mean']])
    assert list(teacher.view.std) == pytest.approx([255 * value for value in config['std']])
    frames = torch.randn(1, 2, 3, size, size, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        images = frames[0].to(memory_format=torch.channels_last)
        expected = network.forward_head(network.forward_features(images), pre_logits=True), network(images)
    if shape is not None:
        teacher.listen([path])
    answer = teacher(frames)
    assert answer['features'].shape == (1, channels)
    torch.testing.assert_close(answer['features'][0], expected[0].mean(0), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(answer['logits'][0], expected[1].mean(0), rtol=1e-4, atol=1e-5)
    if shape is not None:
        assert answer[path].shape == (1, *shape)
    if name == 'test_vit':
        assert TokensToMap(num_prefix_tokens=1)(answer[path]).shape == (1, 64, 2, 10, 10)


def test_the_features_of_timm_without_a_head_are_an_embedding(tmp_path):
    timm = pytest.importorskip('timm')
    torch.manual_seed(0)
    network = timm.create_model('test_convnext', num_classes=0)
    torch.save(network.state_dict(), tmp_path / 'weights.pth')
    teacher = EmbeddingTeacher(
        dict(type='timm.test_convnext', num_classes=0), weights=str(tmp_path / 'weights.pth'), view=dict(size=64)
    )
    frames = torch.randn(1, 2, 3, 64, 64)
    torch.testing.assert_close(teacher(frames)['features'], network.eval()(frames[0]).mean(0, keepdim=True))


@pytest.mark.parametrize('kind', ['clip', 'siglip', 'dinov2'])
def test_a_model_of_transformers_is_read_from_its_folder(kind, tmp_path):
    import transformers

    folder = save_model(tmp_path / kind, kind)
    teacher = EmbeddingTeacher(f'transformers.{folder}')
    assert teacher.view.height_and_width == (32, 32)
    assert list(teacher.view.mean) == pytest.approx([127.5, 102, 76.5])
    assert list(teacher.view.std) == pytest.approx([51, 76.5, 102])
    frames = torch.randn(1, 2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    path = 'model.layernorm' if kind == 'dinov2' else 'model.vision_model.encoder.layers.1'
    teacher.listen([path])
    answer = teacher(frames)
    model = transformers.AutoModel.from_pretrained(folder).eval()
    with torch.no_grad():
        if kind == 'dinov2':
            found = model(pixel_values=frames[0])
            expected, tokens = found.last_hidden_state[:, 0], found.last_hidden_state
        else:
            vision = model.vision_model(pixel_values=frames[0])
            expected = model.visual_projection(vision.pooler_output) if kind == 'clip' else vision.pooler_output
            tokens = None
    torch.testing.assert_close(answer['features'][0], expected.mean(0), rtol=1e-4, atol=1e-5)
    prefix = 0 if kind == 'siglip' else 1
    assert answer[path].shape == (1, 16, 2, prefix + 16)
    maps = TokensToMap(num_prefix_tokens=prefix)(answer[path])
    assert maps.shape == (1, 16, 2, 4, 4)
    if tokens is not None:
        torch.testing.assert_close(maps[0, :, 1].flatten(1), tokens[1, 1:].t(), rtol=1e-4, atol=1e-5)


def test_a_siglip_scores_class_names_as_clip_does(tmp_path):
    folder = save_model(tmp_path / 'siglip', 'siglip')
    save_tokenizer(folder)
    texts = class_texts(str(folder), ['walk', 'yo yo'], templates=['a video of a person {}'])
    np.savez(tmp_path / 'texts.npz', features=texts.features.numpy(), classes=np.array(['walk', 'yo yo']))
    teacher = EmbeddingTeacher(
        f'transformers.{folder}', text_features=str(tmp_path / 'texts.npz'), logit_scale=texts.logit_scale or 10.0
    )
    answer = teacher(torch.randn(2, 3, 3, 32, 32))
    expected = F.cosine_similarity(answer['features'][:, None], texts.features[None], dim=2)
    torch.testing.assert_close(answer['logits'], teacher.logit_scale * expected)


def test_weights_that_cannot_be_fetched_are_named_with_what_to_give_instead(monkeypatch):
    pytest.importorskip('timm')
    # Its libraries would try for a minute.
    monkeypatch.setattr(pytest.importorskip('huggingface_hub').constants, 'HF_HUB_OFFLINE', True)
    with pytest.raises(ValueError, match='Without a network, name the folder'):
        EmbeddingTeacher('transformers.openai/clip-vit-base-patch32')
    for teacher in (ImageTeacher, EmbeddingTeacher):
        with pytest.raises(ValueError, match='Without a network, give the file of its state dict as weights='):
            teacher('timm.test_vit', weights='pretrained')


def test_an_image_teacher_lets_timm_fetch_its_weights_with_the_classes_that_they_have(monkeypatch):
    timm = pytest.importorskip('timm')
    made, create = [], timm.create_model

    def create_model(name, pretrained=False, **options):
        made.append(pretrained)
        return create(name, **options)

    monkeypatch.setattr(timm, 'create_model', create_model)
    teacher = ImageTeacher('timm.test_convnext', weights='pretrained')
    assert made == [True] and teacher.view.height_and_width == (160, 160)
    with pytest.raises(ValueError, match='another head would be random'):
        ImageTeacher('timm.test_convnext', weights='pretrained', num_classes=6)
