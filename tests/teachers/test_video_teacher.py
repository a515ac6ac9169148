"""Video models of transformers as teachers: tokens at their places, features, logits, their own view. No network."""

import pytest
import timm
import torch
import transformers as library
from mmengine.registry import init_default_scope
from torch import nn

from kdtoolbox.connectors import TokensToMap
from kdtoolbox.registry import MODELS
from kdtoolbox.teachers import RecognizerTeacher, VideoTeacher
from kdtoolbox.teachers.video_models import processed_view
from tests import tiny

SIZES = dict(hidden_size=16, intermediate_size=32, num_hidden_layers=2, num_attention_heads=2, image_size=32)
VIDEO = dict(SIZES, patch_size=8, num_frames=4)
VIEW = dict(size=32, mean=[0.0] * 3, std=[1.0] * 3)
CLIPS = torch.randn(2, 4, 3, 32, 32, generator=torch.Generator().manual_seed(0))


def model_of(name: str) -> nn.Module:
    torch.manual_seed(0)
    if name.startswith('vjepa2'):
        config = library.VJEPA2Config(
            patch_size=8, crop_size=32, frames_per_clip=4, hidden_size=24, num_attention_heads=2, num_hidden_layers=2,
            mlp_ratio=2, pred_hidden_size=12, pred_num_attention_heads=2, pred_num_hidden_layers=1, num_labels=5,
            pred_num_mask_tokens=2, num_pooler_layers=1,
        )  # fmt: skip
        kind = library.VJEPA2ForVideoClassification if name.endswith('_head') else library.VJEPA2Model
        return kind(config).eval()
    return {
        'videomae': lambda: library.VideoMAEModel(library.VideoMAEConfig(**VIDEO)),
        'videomae_head': lambda: library.VideoMAEForVideoClassification(library.VideoMAEConfig(**VIDEO, num_labels=5)),
        'timesformer': lambda: library.TimesformerModel(library.TimesformerConfig(**VIDEO)),
        'timesformer_head': lambda: library.TimesformerForVideoClassification(
            library.TimesformerConfig(**VIDEO, num_labels=5)
        ),
        'vivit': lambda: library.VivitModel(library.VivitConfig(**VIDEO, tubelet_size=[2, 8, 8])),
        'vivit_head': lambda: library.VivitForVideoClassification(
            library.VivitConfig(**VIDEO, tubelet_size=[2, 8, 8], num_labels=5)
        ),
    }[name]().eval()


# name -> its last block, time steps of its tokens; a network with a head holds the one without by its name
HEADLESS = {
    'videomae': ('encoder.layer.1', 2),
    'timesformer': ('encoder.layer.1', 4),
    'vivit': ('layers.1', 2),
    'vjepa2': ('encoder.layer.1', 2),
}
MODELS_OF = HEADLESS | {f'{name}_head': (f'{name}.{block}', steps) for name, (block, steps) in HEADLESS.items()}


@pytest.mark.parametrize('name', MODELS_OF)
def test_tokens_logits_and_features_are_those_of_the_model(name):
    path, steps = MODELS_OF[name]
    network = model_of(name)
    teacher = VideoTeacher(network, view=VIEW).train()
    teacher.listen([path])
    answer = teacher(CLIPS)
    channels = network.config.hidden_size
    assert answer[path].shape == (2, channels, steps, 16) and answer['features'].shape == (2, channels)
    assert TokensToMap(num_prefix_tokens=0)(answer[path]).shape == (2, channels, steps, 4, 4)
    with torch.no_grad():
        options = {'skip_predictor': True} if name == 'vjepa2' else {}
        plain = network(CLIPS, **options)
    if name.endswith('_head'):
        torch.testing.assert_close(answer['logits'], plain.logits)
        torch.testing.assert_close(network.classifier(answer['features']), plain.logits)
    else:
        last = plain.last_hidden_state
        pooled = last[:, 0] if name in ('vivit', 'timesformer') else last.mean(1)
        torch.testing.assert_close(answer['features'], pooled)


@pytest.mark.parametrize('name', ['videomae', 'timesformer', 'vivit', 'vjepa2'])
def test_each_token_is_at_the_place_of_its_pixels(name):
    """Of a network without blocks, pixels of one tubelet change one token: the one at its time step and place."""
    path, steps = MODELS_OF[name]
    network = model_of(name)
    for block in network.get_submodule(path.rpartition('.')[0]):
        gives_tuple = name in ('timesformer', 'vjepa2')
        block.forward = lambda x, *args, gives_tuple=gives_tuple, **kwargs: (x, None) if gives_tuple else x
    teacher = VideoTeacher(network, view=VIEW)
    teacher.listen([path])
    changed = CLIPS.clone()
    changed[:, 2, :, 8:16, 24:32] += 1
    moved = (teacher(changed)[path] - teacher(CLIPS)[path]).abs().sum((0, 1)).view(steps, 4, 4)
    assert moved.nonzero().tolist() == [[2 * steps // 4, 1, 3]]


def test_a_folder_is_loaded_with_its_head_and_its_processor(tmp_path):
    network = model_of('videomae_head')
    network.save_pretrained(tmp_path)
    size = {'height': 32, 'width': 32}
    library.VideoMAEVideoProcessor(size={'shortest_edge': 32}, crop_size=size).save_pretrained(tmp_path)
    teacher = VideoTeacher(f'transformers.{tmp_path}', view=dict(frame_stride=2))
    assert teacher.view.size == (32, 32) and teacher.view.frame_stride == 2
    assert teacher.view.mean == (127.5,) * 3 and teacher.view.std == (127.5,) * 3
    torch.testing.assert_close(teacher(CLIPS)['logits'], network(CLIPS).logits)
    (tmp_path / 'video_preprocessor_config.json').unlink()
    with pytest.raises(ValueError, match='without its video processor .*view=dict'):
        VideoTeacher(f'transformers.{tmp_path}')
    assert VideoTeacher(f'transformers.{tmp_path}', view=VIEW).view.size == (32, 32)


def test_a_processor_is_taken_as_it_computes():
    """ViViT's goes to -1..1 first, and then subtracts and divides again."""
    processor = library.VivitVideoProcessor()
    view = processed_view(processor)
    assert view['size'] == (224, 224)
    frames = torch.randint(0, 256, (1, 3, 224, 224), dtype=torch.uint8)
    options = dict(do_resize=False, do_center_crop=False, return_tensors='pt')
    expected = processor([frames], **options)['pixel_values'][0]
    mean, std = (torch.tensor(view[key]).view(3, 1, 1) for key in ('mean', 'std'))
    torch.testing.assert_close((frames.float() - mean) / std, expected, atol=1e-3, rtol=1e-3)


def test_mistakes_are_one_clear_line(tmp_path):
    headless = VideoTeacher(model_of('videomae'), view=VIEW)
    with pytest.raises(ValueError, match='no classifier and so no logits'):
        headless.listen(['logits'])
    with pytest.raises(ValueError, match=r'\(videomae\) sees 8 frames, expected 4: .*frame_stride'):
        headless(torch.zeros(1, 8, 3, 32, 32))
    with pytest.raises(ValueError, match=r'frames of \(16, 16\), expected \(32, 32\): view.size'):
        headless(torch.zeros(1, 4, 3, 16, 16))
    with pytest.raises(ValueError, match=r'\(vjepa2\) sees 3 frames, expected a multiple of 2'):
        VideoTeacher(model_of('vjepa2'), view=VIEW)(torch.zeros(1, 3, 3, 32, 32))
    with pytest.raises(ValueError, match='expected transformers.<name or folder>'):
        VideoTeacher('timm.videomae')
    with pytest.raises(ValueError, match='Linear: expected a video transformer'):
        VideoTeacher(nn.Linear(2, 2))
    with pytest.raises(ValueError, match='Without a network, name the folder.*save_pretrained') as error:
        VideoTeacher(f'transformers.{tmp_path}')
    assert '\n' not in str(error.value)


def test_a_checkpoint_that_lacks_weights_is_refused(tmp_path):
    network = model_of('videomae')
    state = {key: value for key, value in network.state_dict().items() if 'layer.1.' not in key}
    network.save_pretrained(tmp_path, state_dict=state)
    with pytest.raises(ValueError, match='its file lacks .*layer.1'):
        VideoTeacher(f'transformers.{tmp_path}', view=VIEW)


def test_a_video_transformer_of_mmaction2_gives_its_tokens_too():
    init_default_scope('kdtoolbox')
    teacher = RecognizerTeacher(tiny.transformer_config(), view=dict(size=32))
    teacher.listen(['backbone.blocks.1'])
    tokens = teacher(CLIPS)['backbone.blocks.1']
    assert tokens.shape == (2, tiny.TOKEN_CHANNELS, 2, 16)
    seen = {}
    teacher.network.backbone.blocks[1].register_forward_hook(lambda module, inputs, output: seen.update(x=output))
    teacher(CLIPS)
    torch.testing.assert_close(tokens.flatten(2), seen['x'].transpose(1, 2))


def test_a_timesformer_of_mmaction2_gives_each_token_at_its_place():
    init_default_scope('kdtoolbox')
    backbone = dict(
        type='TimeSformer', num_frames=4, img_size=32, patch_size=8, embed_dims=16, num_heads=2,
        num_transformer_layers=1, attention_type='joint_space_time',
    )  # fmt: skip
    head = dict(type='TimeSformerHead', num_classes=5, in_channels=16)
    teacher = RecognizerTeacher(dict(type='Recognizer3D', backbone=backbone, cls_head=head), view=dict(size=32))
    for block in teacher.network.backbone.transformer_layers.layers:
        block.forward = lambda hidden, *args, **kwargs: hidden
    path = 'backbone.transformer_layers.layers.0'
    teacher.listen([path])
    changed = CLIPS.clone()
    changed[:, 2, :, 8:16, 24:32] += 1
    moved = (teacher(changed)[path] - teacher(CLIPS)[path]).abs().sum((0, 1)).view(4, 4, 4)
    assert moved.nonzero().tolist() == [[2, 1, 3]]


def test_a_vit_of_timm_as_a_2d_recognizer_gives_each_frames_tokens():
    init_default_scope('kdtoolbox')
    backbone = dict(type='TimmViT', img_size=32, patch_size=8, embed_dim=16, depth=2, num_heads=2, num_classes=0)
    head = dict(type='TSNHead', num_classes=5, in_channels=16, spatial_type=None)
    MODELS.register_module('TimmViT', module=timm.models.VisionTransformer, force=True)
    config = dict(type='Recognizer2D', backbone=backbone, cls_head=head)
    teacher = RecognizerTeacher(config, view=dict(size=32))
    teacher.listen(['backbone.blocks.1'])
    tokens = teacher(CLIPS)['backbone.blocks.1']
    assert tokens.shape == (2, 16, 4, 17)
