"""VideoMAE's checkpoints in mmaction2's format: strictly into students with hidden tokens; others in one line."""

import logging
from functools import partial
from types import SimpleNamespace

import pytest
import torch
from mmengine.config import Config

from kdtoolbox.engine.checkpoints import PlainCheckpointHook
from kdtoolbox.registry import MODELS
from tests import tiny
from tests.conftest import REPOSITORY
from tests.distillers.test_student_tokens import VIDEO_MAE, distiller

# mmaction2's vit-base-p16_videomae-k400-pre_16x4x1_kinetics-400, whose checkpoint it publishes.
PUBLISHED = dict(
    type='Recognizer3D',
    backbone=dict(
        type='VisionTransformer', img_size=224, patch_size=16, embed_dims=768, depth=12, num_heads=12, mlp_ratio=4,
        qkv_bias=True, num_frames=16, norm_cfg=dict(type='LN', eps=1e-6),
    ),
    cls_head=dict(type='TimeSformerHead', num_classes=400, in_channels=768, average_clips='prob'),
)  # fmt: skip


def load(model, state, *, replace_head=False):
    """As ``load_from`` loads a file that holds ``state``; without the log of the file."""
    runner = SimpleNamespace(
        model=model, _load_from='videomae.pth', _resume=False, work_dir='', cfg={}, logger=logging.getLogger('test')
    )
    checkpoint = dict(meta={}, state_dict=state)
    PlainCheckpointHook(replace_head=replace_head).after_load_checkpoint(runner, checkpoint)
    model.load_state_dict(checkpoint['state_dict'], strict=True)


@pytest.mark.parametrize(
    'config', ['videomae_vit_b16_kinetics400', 'mvd_vit_b16_to_vit_b16_kinetics400', 'finetune_vit_b16_kinetics400']
)
def test_the_published_checkpoint_has_the_names_and_shapes_of_the_shipped_students(config, monkeypatch):
    student = Config.fromfile(REPOSITORY / f'configs/video_transformers/{config}.py').model.student.to_dict()
    student.pop('data_preprocessor')
    monkeypatch.setattr(torch, 'linspace', partial(torch.linspace, device='cpu'))  # of which mmaction2 takes the items
    with torch.device('meta'):  # of full size, without the memory
        published, built = MODELS.build(PUBLISHED).state_dict(), MODELS.build(student)
    assert built.load_state_dict(published, strict=True) and sum(map(torch.numel, published.values())) > 86e6
    assert published['backbone.patch_embed.projection.weight'].shape == (768, 3, 2, 16, 16)


@pytest.mark.parametrize('replace_head', [False, True])
def test_it_is_loaded_strictly_into_a_student_with_hidden_tokens_which_then_learns(replace_head):
    plain = tiny.transformer_config()
    torch.manual_seed(9)
    state = MODELS.build(plain).state_dict()
    model = distiller(dict(pixels=VIDEO_MAE), teacher=None, student_tokens=dict(type='TubeTokens', keep=0.25))
    load(model, state, replace_head=replace_head)
    loaded = model.student.state_dict()
    kept = {name for name, value in state.items() if torch.equal(loaded[name], value)}
    classifier = {'cls_head.fc_cls.weight', 'cls_head.fc_cls.bias'}
    assert state.keys() - kept == (classifier if replace_head else set())
    data = model.data_preprocessor(tiny.batch(2, frames=4, pixels=32), training=True)
    model(**data, mode='loss')['loss_pixels'].backward()
    assert model.student.backbone.patch_embed.projection.weight.grad.any()


@pytest.mark.parametrize(
    'changes, message',
    [
        (
            dict(tubelet_size=1, num_frames=2),
            r'tokens cover \(1, 8, 8\) frames and pixels, not \(2, 8, 8\) as .*: set tubelet_size=1, patch',
        ),
        (
            dict(patch_size=16, img_size=64),
            r'tokens cover \(2, 16, 16\) .*not \(2, 8, 8\) .*: set tubelet_size=2, patch_size=16',
        ),
        (dict(num_frames=8), 'pos_embed has 64 positions, that of this network 32: set img_size and num_frames'),
    ],
)
@pytest.mark.parametrize('replace_head', [False, True])
def test_a_checkpoint_of_other_tokens_is_said_in_one_line(changes, message, replace_head):
    other = tiny.transformer_config()
    other['backbone'].update(changes)
    state = MODELS.build(other).state_dict()
    model = distiller(dict(pixels=VIDEO_MAE), teacher=None, student_tokens=dict(type='TubeTokens', keep=0.25))
    with pytest.raises(ValueError, match=rf'the checkpoint videomae.pth is of another model .*{message}') as error:
        load(model, state, replace_head=replace_head)
    assert '\n' not in str(error.value)


def test_so_is_one_that_a_teacher_is_given(tmp_path):
    other = tiny.transformer_config()
    other['backbone'].update(tubelet_size=1)
    torch.save(MODELS.build(tiny.transformer_config()).state_dict(), tmp_path / 'student.pth')
    teacher = dict(type='RecognizerTeacher', recognizer=other, weights=str(tmp_path / 'student.pth'))
    with pytest.raises(
        ValueError, match=r'teacher weights .*cover \(2, 8, 8\) .*not \(1, 8, 8\) .*: set tubelet_size=2'
    ) as error:
        MODELS.build(teacher)
    assert '\n' not in str(error.value)
