import sys
import types

import numpy as np
import pytest
import torch
import torch.nn.functional as F
import torchvision
from torch import nn

from kdtoolbox.connectors import TokensToMap
from kdtoolbox.registry import MODELS
from kdtoolbox.teachers import EmbeddingTeacher, ImageTeacher
from tests.tiny import TinyImageNet


@MODELS.register_module(force=True)
class TinyEmbedder(nn.Module):
    """Images to embeddings of 6, with a dropout that shows when it is not in eval mode."""

    def __init__(self, num_channels: int = 6) -> None:
        super().__init__()
        self.layer1 = nn.Conv2d(3, 4, 3, stride=4)
        self.dropout = nn.Dropout(0.5)
        self.project = nn.Linear(4, num_channels)

    def forward(self, images):
        return self.project(self.dropout(self.layer1(images).mean((2, 3))))


def clips(count=3, pixels=16, seed=0):
    return torch.randn(2, count, 3, pixels, pixels, generator=torch.Generator().manual_seed(seed))


def embedder(**options):
    torch.manual_seed(1)
    return EmbeddingTeacher(TinyEmbedder(), view=dict(size=16), **options)


@pytest.fixture
def text_file(tmp_path):
    features = torch.randn(4, 6, generator=torch.Generator().manual_seed(9)).numpy()
    np.savez(tmp_path / 'texts.npz', features=features, classes=np.array(['walk', 'run', 'jump', 'wave']))
    return str(tmp_path / 'texts.npz')


# Frames of an image teacher


def test_frames_of_an_image_teacher_are_what_is_pooled_over_time():
    teacher = ImageTeacher(TinyImageNet(), chunk_size=4)
    teacher.listen(['frame_features', 'frame_logits', 'logits'])
    answer, frames = teacher(clips()), clips()
    assert answer['frame_features'].shape == (2, 8, 3) and answer['frame_logits'].shape == (2, 7, 3)
    torch.testing.assert_close(answer['frame_features'].mean(2), answer['features'])
    torch.testing.assert_close(answer['frame_logits'].mean(2), answer['logits'])
    torch.testing.assert_close(answer['frame_logits'][1, :, 2], teacher.network(frames[1, 2:])[0])


def test_frames_are_given_only_when_listened_to_and_cost_no_other_run():
    teacher = ImageTeacher(TinyImageNet())
    assert set(teacher(clips())) == {'logits', 'features'}
    runs = []
    teacher.network.register_forward_hook(lambda *_: runs.append(1))
    teacher.listen(['frame_features'])
    assert set(teacher(clips())) == {'logits', 'features', 'frame_features'} and len(runs) == 1


def test_frames_without_pooling_are_the_same_with_time_last():
    teacher = ImageTeacher(TinyImageNet(), pooling='none')
    teacher.listen(['frame_features', 'frame_logits'])
    answer = teacher(clips())
    assert torch.equal(answer['frame_logits'], answer['logits'].transpose(1, 2))
    assert torch.equal(answer['frame_features'], answer['features'].transpose(1, 2))


def test_tokens_of_a_vision_transformer_become_maps_over_its_patches():
    torch.manual_seed(0)
    network = torchvision.models.VisionTransformer(
        image_size=16, patch_size=4, num_layers=2, num_heads=2, hidden_dim=8, mlp_dim=16, num_classes=7
    )
    teacher = ImageTeacher(network, view=dict(size=16), chunk_size=4)
    path = 'encoder.layers.encoder_layer_0'
    teacher.listen([path])
    frames = clips()
    answer = teacher(frames)
    assert answer[path].shape == (2, 8, 3, 1 + 16)
    seen = {}
    network.encoder.layers[0].register_forward_hook(lambda module, args, output: seen.update(tokens=output))
    network(frames[1, 2:])
    maps = TokensToMap(num_prefix_tokens=1)(answer[path])
    assert maps.shape == (2, 8, 3, 4, 4)
    for row in range(4):
        for column in range(4):
            torch.testing.assert_close(maps[1, :, 2, row, column], seen['tokens'][0, 1 + 4 * row + column])


# Embeddings


def test_embeddings_are_those_of_the_network_in_eval_mode_frame_by_frame():
    teacher = embedder(chunk_size=4).train()
    answer, frames = teacher(clips()), clips()
    assert set(answer) == {'features', 'frame_features'}
    expected = torch.stack([teacher.network.eval()(clip) for clip in frames])
    torch.testing.assert_close(answer['frame_features'], expected.transpose(1, 2))
    torch.testing.assert_close(answer['features'], expected.mean(1))
    assert not any(parameter.requires_grad for parameter in teacher.parameters())


def test_logits_are_the_scaled_cosine_to_the_texts(text_file):
    teacher = embedder(text_features=text_file, logit_scale=20)
    answer = teacher(clips())
    text = torch.from_numpy(np.load(text_file)['features'])
    expected = 20 * F.cosine_similarity(answer['features'][:, None], text[None], dim=2)
    torch.testing.assert_close(answer['logits'], expected)
    expected = 20 * F.cosine_similarity(answer['frame_features'][:, None], text[None, :, :, None], dim=2)
    torch.testing.assert_close(answer['frame_logits'], expected)
    assert teacher.classes == ['walk', 'run', 'jump', 'wave']


def test_logits_are_in_full_precision_though_the_network_is_not(text_file):
    teacher = embedder(text_features=text_file, compute_dtype='bfloat16')
    answer = teacher(clips())
    text = torch.from_numpy(np.load(text_file)['features'])
    expected = 100 * F.cosine_similarity(answer['features'][:, None], text[None], dim=2)
    torch.testing.assert_close(answer['logits'], expected)
    torch.testing.assert_close(answer['features'], embedder()(clips())['features'], atol=0.05, rtol=0.05)


def test_modules_are_listened_to_beside_the_embeddings():
    teacher = embedder(chunk_size=4)
    teacher.listen(['layer1', 'frame_features', 'features'])
    answer = teacher(clips())
    torch.testing.assert_close(answer['layer1'][1, :, 2], teacher.network.layer1(clips()[1, 2:])[0])


def test_logits_without_texts_and_unknown_modules_are_refused():
    teacher = embedder()
    for path, message in (
        ('logits', 'no logits without texts'),
        ('frame_logits', 'text_features=<file>'),
        ('layer9', "no module 'layer9'"),
    ):
        with pytest.raises(ValueError, match=message):
            teacher.listen([path])


def test_a_config_with_a_file_of_weights_is_built_and_loaded(tmp_path):
    source = embedder()
    torch.save(source.network.state_dict(), tmp_path / 'weights.pth')
    teacher = MODELS.build(
        dict(
            type='EmbeddingTeacher',
            model=dict(type='TinyEmbedder'),
            view=dict(size=16),
            weights=str(tmp_path / 'weights.pth'),
        )
    )
    torch.testing.assert_close(teacher(clips())['features'], source(clips())['features'])


@pytest.mark.parametrize(
    'model, weights, message',
    [
        ('resnet50', None, r'expected timm.<name>, transformers.<name or folder>'),
        ('torchvision.resnet50', None, 'expected timm'),
        (dict(type='TinyEmbedder'), 'nowhere.pth', 'no such file'),
        (dict(type='TinyEmbedder'), 'pretrained', 'no such file'),
        ('transformers.x', 'file.pth', 'brings its own weights'),
    ],
)
def test_models_and_weights_that_are_none_are_refused(model, weights, message):
    with pytest.raises(ValueError, match=message):
        EmbeddingTeacher(model, weights=weights)


def test_a_network_that_gives_maps_is_refused():
    teacher = EmbeddingTeacher(nn.Conv2d(3, 4, 3), view=dict(size=16))
    with pytest.raises(ValueError, match=r'Conv2d gave \(6, 4, 14, 14\), expected embeddings'):
        teacher(clips())


def test_texts_of_another_model_are_refused(text_file):
    teacher = EmbeddingTeacher(TinyEmbedder(5), view=dict(size=16), text_features=text_file)
    with pytest.raises(ValueError, match='text features of the same model'):
        teacher(clips())


@pytest.mark.parametrize(
    'options, message', [(dict(chunk_size=0), '1 or more frames'), (dict(logit_scale=0), 'above 0')]
)
def test_options_out_of_range_are_refused_when_built(options, message):
    with pytest.raises(ValueError, match=message):
        embedder(**options)


# Libraries, by stand-ins with the calls that are made of them


@pytest.mark.parametrize('library', ['timm', 'transformers'])
def test_a_library_that_is_not_installed_is_named(library, monkeypatch):
    monkeypatch.setitem(sys.modules, library, None)  # makes its import fail
    with pytest.raises(ValueError, match=f'needs {library}: pip install'):
        EmbeddingTeacher(f'{library}.some_model')


@pytest.fixture
def timm(monkeypatch):
    """A stand-in that knows one model and notes how it was asked for it."""
    asked = []

    def create_model(name, pretrained=False, **options):
        if name != 'vit_tiny':
            raise RuntimeError(f'Unknown model ({name})')
        asked.append(dict(pretrained=pretrained, **options))
        network = TinyEmbedder()
        network.pretrained_cfg = dict(input_size=(3, 20, 20), mean=(0.5, 0.5, 0.5), std=(0.25, 0.25, 0.25))
        return network

    module = types.ModuleType('timm')
    module.create_model, module.asked, module.list_models = create_model, asked, lambda: ['vit_tiny']
    monkeypatch.setitem(sys.modules, 'timm', module)
    return module


def test_timm_is_asked_for_its_weights_and_tells_size_mean_and_std(timm):
    teacher = EmbeddingTeacher('timm.vit_tiny', weights='pretrained')
    assert timm.asked == [dict(pretrained=True)]
    view = teacher.view
    assert view.size == (20, 20) and list(view.mean) == [127.5] * 3 and list(view.std) == [63.75] * 3
    assert teacher(clips(pixels=20))['features'].shape == (2, 6)


def test_timm_gets_the_options_of_a_dict_and_weights_from_a_file(timm, tmp_path):
    weights = TinyEmbedder().state_dict()
    torch.save(weights, tmp_path / 'weights.pth')
    teacher = EmbeddingTeacher(dict(type='timm.vit_tiny', img_size=16), weights=str(tmp_path / 'weights.pth'))
    assert timm.asked == [dict(pretrained=False, img_size=16)]
    assert torch.equal(teacher.network.project.weight, weights['project.weight'])


def test_a_name_that_timm_does_not_know_is_refused(timm):
    with pytest.raises(ValueError, match='Unknown model'):
        EmbeddingTeacher('timm.vit_huge')


class Answer:
    """What models of transformers give: an object with fields."""

    def __init__(self, pooler_output):
        self.pooler_output = pooler_output


class ImageModel(nn.Module):
    """As DINOv2 in transformers."""

    def __init__(self, pooled=True):
        super().__init__()
        self.embedder, self.pooled = TinyEmbedder(), pooled

    def forward(self, pixel_values):
        return Answer(self.embedder(pixel_values) if self.pooled else None)


class ImageTextModel(ImageModel):
    """As CLIP in transformers: running it whole needs texts too."""

    def __init__(self, as_tensor):
        super().__init__()
        self.as_tensor = as_tensor

    def get_image_features(self, pixel_values):
        embeddings = self.embedder(pixel_values)
        return embeddings if self.as_tensor else Answer(embeddings)

    def forward(self, pixel_values):
        raise AssertionError('run without texts')


@pytest.fixture
def transformers(monkeypatch):
    module = types.ModuleType('transformers')
    module.model, module.processor = (
        ImageModel(),
        types.SimpleNamespace(
            crop_size={'height': 20, 'width': 24},
            size={'shortest_edge': 30},
            image_mean=[0.5] * 3,
            image_std=[0.25] * 3,
        ),
    )

    def load_model(name, use_safetensors):
        if name == 'unknown':
            raise OSError('unknown is not a local folder')
        assert use_safetensors and name == 'facebook/dinov2.small'
        return module.model

    module.AutoModel = types.SimpleNamespace(from_pretrained=load_model)
    module.AutoImageProcessor = types.SimpleNamespace(from_pretrained=lambda name: module.processor)
    monkeypatch.setitem(sys.modules, 'transformers', module)
    return module


@pytest.mark.parametrize('model', [ImageModel(), ImageTextModel(True), ImageTextModel(False)])
def test_a_model_of_transformers_gives_its_embeddings_of_images_and_its_view(transformers, model):
    transformers.model = model
    teacher = EmbeddingTeacher('transformers.facebook/dinov2.small')
    assert teacher.view.size == (20, 24) and list(teacher.view.mean) == [127.5] * 3
    expected = model.embedder(clips().flatten(0, 1)).unflatten(0, (2, 3)).transpose(1, 2)
    torch.testing.assert_close(teacher(clips())['frame_features'], expected)


def test_a_processor_that_does_not_crop_tells_the_size_it_resizes_to(transformers):
    transformers.processor.crop_size = None
    assert EmbeddingTeacher('transformers.facebook/dinov2.small').view.size == (30, 30)


def test_a_model_of_transformers_that_is_not_there_or_has_no_embedding_is_refused(transformers):
    with pytest.raises(ValueError, match='not a local folder.*save_pretrained'):
        EmbeddingTeacher('transformers.unknown')
    transformers.model = ImageModel(pooled=False)
    with pytest.raises(ValueError, match='no pooled output'):
        EmbeddingTeacher('transformers.facebook/dinov2.small')(clips())


def test_a_model_of_transformers_without_its_processor_needs_a_view_and_says_so(transformers):
    def no_processor(name):
        raise OSError('no preprocessor_config.json')

    transformers.AutoImageProcessor.from_pretrained = no_processor
    teacher = EmbeddingTeacher('transformers.facebook/dinov2.small', view=dict(size=20, mean=[1, 2, 3], std=[4, 5, 6]))
    assert teacher.view.size == (20, 20) and list(teacher.view.mean) == [1, 2, 3]
    for view in (None, dict(size=20)):
        with pytest.raises(ValueError, match='without its image processor .*preprocessor_config.*view=dict'):
            EmbeddingTeacher('transformers.facebook/dinov2.small', view=view)
