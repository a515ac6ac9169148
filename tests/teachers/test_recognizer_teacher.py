import pytest
import torch

from kdtoolbox.registry import MODELS
from kdtoolbox.teachers import ImageTeacher, RecognizerTeacher
from tests.tiny import MEAN, NUM_CLASSES, student_config


def test_a_3d_recognizer_sees_the_frames_as_one_clip():
    teacher = RecognizerTeacher(student_config(), view=dict(size=16))
    teacher.listen(['backbone.layer2'])
    frames = torch.randn(2, 4, 3, 16, 16)
    answer = teacher(frames)
    with torch.no_grad():
        maps = teacher.network.backbone(frames.transpose(1, 2))
        logits = teacher.network.cls_head(maps)
    torch.testing.assert_close(answer['logits'], logits)
    torch.testing.assert_close(answer['features'], maps.mean((2, 3, 4)))
    assert answer['backbone.layer2'].shape == (2, 8, 4, 8, 8)
    assert teacher.view.mean == tuple(MEAN)


def test_a_2d_recognizer_sees_the_frames_as_segments():
    teacher = RecognizerTeacher(
        dict(
            type='Recognizer2D',
            backbone=dict(type='ResNet', depth=18, norm_eval=False),
            cls_head=dict(type='TSNHead', num_classes=4, in_channels=512),
        ),
        view=dict(size=32),
    )
    teacher.listen(['backbone.layer1'])
    frames = torch.randn(2, 3, 3, 32, 32)
    answer = teacher(frames)
    with torch.no_grad():
        pooled = teacher.network.backbone(frames.flatten(0, 1)).mean((2, 3)).view(2, 3, 512).mean(1)
        logits = teacher.network.cls_head.fc_cls(pooled)
    torch.testing.assert_close(answer['logits'], logits)
    torch.testing.assert_close(answer['features'], pooled)
    assert answer['backbone.layer1'].shape == (2, 64, 3, 8, 8)


def test_its_checkpoint_is_a_plain_one(tmp_path):
    source = MODELS.build(student_config())
    torch.save(dict(state_dict=source.state_dict()), tmp_path / 'teacher.pth')
    teacher = RecognizerTeacher(student_config(), weights=str(tmp_path / 'teacher.pth'))
    for name, value in source.state_dict().items():
        assert torch.equal(teacher.network.state_dict()[name], value), name
    assert teacher.network.cls_head.num_classes == NUM_CLASSES


@pytest.mark.parametrize('kind', ['3D', '2D', 'image'])
def test_a_recognizer_that_swaps_channels_does_so_as_a_teacher(kind):
    """It answers for a clip as the recognizer behind its own preprocessor does."""
    if kind == '3D':
        config = student_config()
    else:
        config = dict(
            type='Recognizer2D',
            backbone=dict(type='ResNet', depth=18, norm_eval=False),
            cls_head=dict(type='TSNHead', num_classes=4, in_channels=512),
            data_preprocessor=dict(type='ActionDataPreprocessor', mean=[1, 60, 120], std=[20, 40, 60]),
        )
    config['data_preprocessor']['to_rgb'] = True
    network = MODELS.build(config).eval()
    teacher = (
        ImageTeacher(network, view=dict(size=32)) if kind == 'image' else RecognizerTeacher(config, view=dict(size=32))
    )
    teacher.network.load_state_dict(network.state_dict())
    clip = torch.randint(0, 256, (2, 3, 4, 32, 32), dtype=torch.uint8)
    inputs = clip.unsqueeze(1) if kind == '3D' else clip.transpose(1, 2).contiguous()
    data = network.data_preprocessor(dict(inputs=list(inputs), data_samples=[None, None]))
    with torch.no_grad():
        expected = network(data['inputs'].contiguous(), mode='tensor', stage='head')
    answer = teacher(teacher.view.render(clip).transpose(1, 2))['logits']
    torch.testing.assert_close(answer, expected, atol=1e-4, rtol=1e-4)
    swapped = teacher(teacher.view.render(clip.flip(1)).transpose(1, 2))['logits']
    assert not torch.allclose(swapped, expected, atol=1e-3)
