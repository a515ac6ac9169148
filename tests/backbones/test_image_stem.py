"""A video backbone with an image network's first layers."""

import copy

import pytest
import torch
import torchvision
from mmengine.runner.checkpoint import load_state_dict

from kdtoolbox.backbones import ImageStem3D, inflate
from kdtoolbox.registry import MODELS
from kdtoolbox.safe_files import save_aside

STEM = dict(type='ImageStem3D', image_model='torchvision.mobilenet_v2', last_layer='features.6')


def clip(num_frames: int = 4, size: int = 64) -> torch.Tensor:
    return torch.randn(2, 3, num_frames, size, size, generator=torch.Generator().manual_seed(0))


def build(**options) -> ImageStem3D:
    torch.manual_seed(0)
    return MODELS.build({**STEM, **options})


def image_network() -> torch.nn.Module:
    """MobileNetV2 whose batch statistics are those of some pictures, so that modes of its layers make a difference."""
    torch.manual_seed(1)
    network = torchvision.models.mobilenet_v2(weights=None)
    for _ in range(3):
        network.train()(torch.randn(4, 3, 64, 64) * 2 + 1)
    return network.eval()


@pytest.mark.parametrize('stem', ['frozen', 'trained', 'inflated'])
def test_the_stem_gives_of_every_frame_what_the_image_network_gives(stem, tmp_path):
    network = image_network()
    save_aside(network.state_dict(), tmp_path / 'weights.pth')
    backbone = build(weights=str(tmp_path / 'weights.pth'), stem=stem).eval()
    backbone.top = torch.nn.Identity()
    clips = clip()
    expected = torch.stack([network.features[:7](clips[:, :, frame]) for frame in range(4)], 2)
    torch.testing.assert_close(backbone(clips), expected, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize('top', ['3d', '2plus1d', 'depthwise'])
def test_the_3d_layers_set_channels_time_and_space(top):
    assert build(top=top).eval()(clip()).shape == (2, 256, 1, 1, 1)
    assert build(top=top, top_channels=(16,), temporal_strides=(1,)).eval()(clip()).shape == (2, 16, 4, 4, 4)


def test_a_frozen_stem_stays_as_it_is_when_the_student_is_trained():
    backbone = build().train()
    before = copy.deepcopy(backbone.stem.state_dict())
    optimizer = torch.optim.SGD([one for one in backbone.parameters() if one.requires_grad], lr=0.1)
    backbone(clip()).mean().backward()
    optimizer.step()
    assert all(one.grad is None for one in backbone.stem.parameters())
    assert all(one.grad is not None for one in backbone.top.parameters())
    for name, value in backbone.stem.state_dict().items():
        torch.testing.assert_close(value, before[name], rtol=0, atol=0)


@pytest.mark.parametrize('stem', ['frozen', 'trained', 'inflated'])
def test_a_copy_is_in_the_training_mode_of_each_part(stem):
    for mode in (True, False):
        backbone = build(stem=stem).train(mode)
        twin = copy.deepcopy(backbone)
        assert [one.training for one in twin.modules()] == [one.training for one in backbone.modules()]
    torch.testing.assert_close(twin(clip()), backbone(clip()), rtol=0, atol=0)
    twin.top[0] = torch.nn.Identity()
    assert type(backbone.top[0]) is not torch.nn.Identity


def test_a_trained_stem_learns_with_the_batch_statistics_of_its_weights():
    backbone = build(stem='trained').train()
    statistics = {name: value.clone() for name, value in backbone.stem.named_buffers()}
    backbone(clip()).mean().backward()
    assert all(one.grad is not None for one in backbone.stem.parameters())
    assert all(torch.equal(value, statistics[name]) for name, value in backbone.stem.named_buffers())


@pytest.mark.parametrize(
    'options, kept',
    [
        (dict(stem='trained', norm_eval=False), False),
        (dict(stem='inflated'), True),
        (dict(stem='inflated', norm_eval=False), False),
        (dict(stem='frozen', norm_eval=False), True),
    ],
)
def test_batch_statistics_of_a_stem_are_kept_or_learned(options, kept):
    backbone = build(**options).train()
    statistics = {name: value.clone() for name, value in backbone.stem.named_buffers()}
    backbone(clip())
    assert kept == all(torch.equal(value, statistics[name]) for name, value in backbone.stem.named_buffers())


@pytest.mark.parametrize('ceil_mode', [False, True])
def test_an_inflated_pooling_rounds_as_the_2d_one(ceil_mode):
    pool = torch.nn.MaxPool2d(3, 2, ceil_mode=ceil_mode)
    images = torch.rand(4, 3, 8, 8)
    expected = pool(images).transpose(0, 1).unsqueeze(0)
    torch.testing.assert_close(inflate(pool)(images.transpose(0, 1).unsqueeze(0)), expected)


class SqueezedByHand(torch.nn.Module):
    """Means over height and width as they are for images: of clips they would be of frames and height."""

    def __init__(self):
        super().__init__()
        self.first = torch.nn.Conv2d(3, 4, 3, padding=1)
        self.block = torch.nn.Conv2d(4, 4, 1)
        self.fc = torch.nn.Linear(4, 2)

    def forward(self, images):
        maps = self.first(images)
        maps = self.block(maps * maps.mean((2, 3), keepdim=True))
        return self.fc(maps.mean((2, 3)))


def test_what_does_not_compute_the_same_when_it_is_inflated_is_refused():
    options = dict(image_model=SqueezedByHand(), last_layer='block')
    assert ImageStem3D(**options, stem='trained').eval()(clip()).dim() == 5
    with pytest.raises(ValueError, match="up to 'block' do not compute the same when they are inflated"):
        ImageStem3D(**options, stem='inflated')


def test_networks_of_timm_are_stems_too(tmp_path):
    timm = pytest.importorskip('timm')
    save_aside(timm.create_model('resnet18').state_dict(), tmp_path / 'weights.pth')
    options = dict(image_model='timm.resnet18', last_layer='layer2', weights=str(tmp_path / 'weights.pth'))
    images, inflated = (ImageStem3D(**options, stem=stem).eval() for stem in ('frozen', 'inflated'))
    inflated.top = images.top
    torch.testing.assert_close(images(clip()), inflated(clip()), rtol=1e-3, atol=1e-3)
    acting = ImageStem3D('timm.regnety_002', last_layer='s1').eval()  # its norms have activations in them
    assert acting(clip()).dim() == 5
    with pytest.raises(ValueError, match='BatchNormAct2d cannot be inflated'):
        ImageStem3D('timm.regnety_002', last_layer='s1', stem='inflated')


def test_an_inflated_stem_learns_from_neighbouring_frames():
    backbone = build(stem='inflated').train()
    backbone(clip()).square().mean().backward()
    temporal = [one for one in backbone.stem.parameters() if one.dim() == 5 and one.shape[2] == 3]
    assert temporal and all(one.grad[:, :, 0].abs().max() > 0 for one in temporal)


def test_it_is_the_backbone_of_a_recognizer_whose_state_loads_strictly():
    config = dict(
        type='Recognizer3D',
        backbone=dict(STEM),
        cls_head=dict(type='I3DHead', num_classes=5, in_channels=256),
        data_preprocessor=dict(type='ActionDataPreprocessor', mean=[123.675] * 3, std=[58.4] * 3, format_shape='NCTHW'),
    )
    student, other = MODELS.build(copy.deepcopy(config)).eval(), MODELS.build(copy.deepcopy(config)).eval()
    load_state_dict(other, student.state_dict(), strict=True)
    clips = clip()[:, None]
    torch.testing.assert_close(
        student(clips, mode='tensor', stage='head'), other(clips, mode='tensor', stage='head'), rtol=0, atol=0
    )


def test_real_weights_are_loaded(shared):
    backbone = build(weights=str(shared / 'data/weights/mobilenet_v2-imagenet-fp16.pth'))
    assert backbone.stem.state_dict()['features.0.0.weight'].abs().mean() > 0.01


@pytest.mark.parametrize(
    'options, words',
    [
        (dict(last_layer='features.99'), "has no layer 'features.99'"),
        (dict(last_layer='classifier'), 'expected maps'),
        (dict(stem='warm'), "expected 'frozen', 'trained' or 'inflated'"),
        (dict(top='4d'), "expected one of '3d', '2plus1d', 'depthwise'"),
        (dict(top_channels=(64,)), '1 top_channels and 3 temporal_strides'),
    ],
)
def test_what_does_not_fit_is_said(options, words):
    with pytest.raises(ValueError, match=words):
        build(**options)


def test_an_even_temporal_kernel_is_refused():
    with pytest.raises(ValueError, match='expected an odd number'):
        inflate(torch.nn.Conv2d(3, 4, 3), temporal_kernel=2)
