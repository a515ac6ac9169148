"""The large configs of video transformers: shrunk, each takes a step on its data set and samples a test video."""

import math
from dataclasses import replace

import pytest
import torch
import transformers as library
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.optim import build_optim_wrapper

from kdtoolbox.registry import DATASETS, MODELS
from kdtoolbox.runner.stages import read_plan, run_stages
from kdtoolbox.safe_files import load_safely
from tests import tiny
from tests.conftest import REPOSITORY
from tests.test_video_transformers import TwelveBlockViT

FOLDER = REPOSITORY / 'configs/video_transformers'
CONFIGS = sorted(path for path in FOLDER.glob('*.py') if not path.stem.endswith(('_demo', '_folder')))
SIDE, PATCH = 48, 24  # of frames and patches in pixels: 2 x 2 tokens a time step
# Views of a test video: clips times crops.
VIEWS = {
    'finetune_vit_b16_kinetics400': 15,
    'finetune_mvd_vit_b16_kinetics400': 15,
    'finetune_mvd_vit_s_kinetics400': 15,
    'finetune_amd_vit_b16_kinetics400': 15,
    'finetune_amd_vit_s_kinetics400': 15,
    'finetune_vit_b16_ssv2': 6,
    'finetune_vit_s_ssv2': 6,
    'videomae_v2_vit_l16_to_vit_b16_kinetics400': 15,
    'finetune_umt_vit_b16_kinetics400': 12,
    'finetune_umt_vit_b16_ssv2': 6,
}


def shrunk(config: Config) -> dict:
    """The model, with the depths, terms and tokens of the config and few channels and pixels."""
    model = config.model.to_dict()
    model.update(clip_shape=(16 if model.get('clip_shape', (16,))[0] == 16 else 8, SIDE, SIDE))
    recognizers = [model['student']]
    model['student_view'].update(size=SIDE)
    teachers = model.get('teacher') or {}
    for teacher in [teachers] if 'type' in teachers else teachers.values():
        teacher['view'] = dict(teacher.get('view') or {}, size=SIDE, mean=[110.0] * 3, std=[50.0] * 3)
        if teacher['type'] == 'RecognizerTeacher':
            recognizers.append(teacher['recognizer'])
            teacher['weights'] = None
        elif teacher['type'] == 'EmbeddingTeacher':
            teacher.update(model=TwelveBlockViT(), weights=None)
        else:
            teacher['model'] = video_mae(
                depth=24 if 'large' in teacher['model'] else 12, head='finetuned' in teacher['model']
            )
    for recognizer in recognizers:
        if recognizer['backbone']['type'].endswith('VisionTransformer'):
            recognizer['backbone'].update(img_size=SIDE, patch_size=PATCH, embed_dims=8, num_heads=2)
            recognizer['cls_head'].update(in_channels=8)
    for term in model.get('terms', {}).values():
        loss = term['loss']
        if loss['type'] in ('MVD', 'VideoMAE', 'AMD'):
            loss.update(decoder_channels=8, decoder_heads=2)
        if loss['type'] == 'VideoMAE':
            loss.update(tubelet=(2, PATCH, PATCH))
        connectors = term.get('teacher_connector') or []
        for connector in connectors if isinstance(connectors, list) else []:
            if connector['type'] == 'MatchGrid':
                connector.update(grid=(8, 2, 2))
    if 'student_tokens' in model:
        tokens = model['student_tokens']
        tokens.update(keep=0.5, **({'teacher_keep': 0.75} if 'teacher_keep' in tokens else {}))
    return model


def small(dataset: dict) -> dict:
    """A data set whose pipeline makes clips of few pixels."""
    pipeline = [dict(transform) for transform in dataset['pipeline']]
    for transform in pipeline:
        for key in ('scale', 'crop_size', 'input_size'):
            if key in transform:
                transform[key] = {(-1, 224): (-1, SIDE), (224, 224): (SIDE, SIDE)}.get(transform[key], SIDE)
            if transform['type'] == 'Resize' and transform['scale'] == SIDE:
                transform['scale'] = (64, SIDE)
    return dict(dataset, pipeline=pipeline)


def video_mae(*, depth: int, head: bool):
    torch.manual_seed(0)
    config = library.VideoMAEConfig(
        hidden_size=8, intermediate_size=8, num_hidden_layers=depth, num_attention_heads=2, image_size=SIDE,
        patch_size=PATCH, num_frames=16, num_labels=400,
    )  # fmt: skip
    return (library.VideoMAEForVideoClassification if head else library.VideoMAEModel)(config)


@pytest.fixture
def config(request, data, monkeypatch) -> Config:
    for name in ('kinetics400', 'ssv2'):
        videos, annotations = data[name]
        monkeypatch.setenv(f'{name.upper()}_VIDEOS', str(videos))
        monkeypatch.setenv(f'{name.upper()}_ANNOTATIONS', str(annotations))
    return Config.fromfile(request.param)


@pytest.mark.parametrize('config', CONFIGS, ids=lambda path: path.stem, indirect=True)
def test_a_config_takes_a_step_and_samples_its_test(config, request):
    name = request.node.callspec.id
    torch.manual_seed(0)
    model = MODELS.build(shrunk(config)).train()
    videos = DATASETS.build(small(config.train_dataloader.dataset.to_dict()))
    batch = model.data_preprocessor(pseudo_collate([videos[0], videos[1]]), training=True)
    losses = model(**batch, mode='loss')
    total = sum(value for key, value in losses.items() if 'loss' in key)
    total.backward()
    first = next(
        parameter for key, parameter in model.student.named_parameters() if 'patch_embed' in key or 'conv' in key
    )
    assert math.isfinite(float(total)) and first.grad.abs().sum() > 0
    assert losses.keys() >= {f'loss_{term}' for term in config.model.get('terms', {})}
    assert ('loss_cls' in losses) == config.model.get('use_labels', True)
    test = config.test_dataloader.dataset.datasets[0].to_dict()
    views = len(DATASETS.build(small(test))[0]['inputs'])
    assert views == VIEWS.get(name, views) and views >= 1


@pytest.mark.parametrize(
    'config', [FOLDER / 'finetune_vit_b16_kinetics400.py'], ids=lambda path: path.stem, indirect=True
)
def test_the_learning_rate_falls_from_block_to_block_and_tables_and_norms_do_not_decay(config):
    settings = shrunk(config)
    settings['student']['backbone'].update(use_learnable_pos_emb=True)
    model = MODELS.build(settings)
    wrapper = build_optim_wrapper(model, config.optim_wrapper.to_dict())
    groups = {id(parameter): group for group in wrapper.optimizer.param_groups for parameter in group['params']}
    parameters = dict(model.named_parameters())
    assert len(groups) == len(parameters)

    def of(name):
        group = groups[id(parameters[f'student.{name}'])]
        return group['lr'] / 1e-3, group['weight_decay']

    assert of('cls_head.fc_cls.weight') == (1, 0.05) and of('cls_head.fc_cls.bias') == (1, 0)
    for block in (0, 5, 11):
        rate, decay = of(f'backbone.blocks.{block}.attn.qkv.weight')
        assert rate == pytest.approx(0.75 ** (12 - block)) and decay == 0.05
        assert of(f'backbone.blocks.{block}.norm1.weight') == (pytest.approx(0.75 ** (12 - block)), 0)
    assert of('backbone.pos_embed') == (pytest.approx(0.75**13), 0)
    assert of('backbone.patch_embed.projection.weight') == (pytest.approx(0.75**13), 0.05)


@pytest.mark.parametrize(
    'paramwise, message',
    [
        (dict(num_layers=2, decay_rate=0.75), 'ResNet3d, expected a VisionTransformer or MViT'),
        (dict(num_layers=2), 'paramwise_cfg={.*}: expected num_layers and decay_rate'),
        (None, 'paramwise_cfg=None: expected num_layers and decay_rate'),
    ],
)
def test_a_student_without_blocks_in_order_and_missing_settings_are_refused(paramwise, message):
    model = MODELS.build(tiny.distiller_config(teacher=None, terms={}))
    options = dict(
        type='OptimWrapper', optimizer=dict(type='AdamW', lr=1.0), constructor='StudentLayerDecayConstructor'
    )
    with pytest.raises(ValueError, match=message):
        build_optim_wrapper(model, dict(options, paramwise_cfg=paramwise))
    model.peers = {}
    with pytest.raises(ValueError, match='the peers of a student would learn at the full rate'):
        build_optim_wrapper(model, dict(options, paramwise_cfg=dict(num_layers=2, decay_rate=0.75)))


@pytest.mark.parametrize('plan', ['clip_to_vit_b16_to_x3d_s_kinetics400', 'image_to_vit_tiny_to_r3d_demo'])
def test_the_chains_to_the_edge_are_plans_of_three_stages(plan):
    stages = read_plan(REPOSITORY / f'configs/stages/{plan}.py')
    assert [stage.name for stage in stages] == ['masked', 'fine_tuned', 'edge']


def test_the_chain_of_the_demo_goes_from_the_image_network_to_the_edge(data, tmp_path):
    """A step of each stage: the transformer learns masked, is fine-tuned from it, and teaches the R3D."""
    videos, annotations = data['hmdb51']
    few = {'train_cfg.max_iters': 1, 'train_dataloader.batch_size': 2, 'train_dataloader.dataset.pipeline.3.size': 32}
    few |= {'default_hooks.checkpoint.interval': 1, 'model.student.cls_head.num_classes': 51}
    few |= {'train_dataloader.dataset.data_root': str(videos), 'train_dataloader.dataset.ann_file': str(annotations)}
    few |= dict.fromkeys(
        ('val_dataloader', 'val_evaluator', 'val_cfg', 'test_dataloader', 'test_evaluator', 'test_cfg')
    )
    few |= {'custom_hooks': [dict(type='EpochSeedHook'), dict(type='PlainCheckpointHook')]}
    own = {
        'masked': {
            'model.teacher.weights': None,
            'model.teacher.model.cls_head.num_classes': 51,
            'train_cfg.val_interval': 9,
        },
        'fine_tuned': {'train_dataloader.dataset.labels_per_class': None},
        'edge': {
            'model.teacher.recognizer.cls_head.num_classes': 51,
            'train_dataloader.dataset.labels_per_class': None,
        },
    }
    plan = read_plan(REPOSITORY / 'configs/stages/image_to_vit_tiny_to_r3d_demo.py')
    stages = [replace(stage, cfg_options={**stage.cfg_options, **few, **own[stage.name]}) for stage in plan]
    students = run_stages(stages, tmp_path)
    masked, fine_tuned, edge = (load_safely(file, what='student')['state_dict'] for file in students.values())
    name = 'backbone.blocks.3.attn.qkv.weight'
    change = (fine_tuned[name] - masked[name]).abs().max()
    assert 0 < change < 1e-2 and 'backbone.conv1.conv.weight' in edge
