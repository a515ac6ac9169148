"""The configs of video transformers are trained with tiny networks on generated videos; one is stopped and resumed."""

import math

import pytest
import timm
import torch
from mmengine.config import Config

from kdtoolbox.cli.export_student import export_student
from kdtoolbox.registry import MODELS
from kdtoolbox.runner.training import build_runner
from kdtoolbox.safe_files import load_safely
from tests.conftest import REPOSITORY

CONFIGS = REPOSITORY / 'configs/video_transformers'


@MODELS.register_module(force=True)
class TwelveBlockViT(timm.models.VisionTransformer):
    """An image transformer as deep as CLIP's ViT-B, with patches of 24²: 2 x 2 of a frame of 48²."""

    def __init__(self) -> None:
        super().__init__(img_size=48, patch_size=24, embed_dim=8, depth=12, num_heads=2, num_classes=6)


def small(name: str, *, max_epochs: int) -> Config:
    """A config of 8 frames with few channels and pixels, an image teacher or several, and few clips."""
    config = Config.fromfile(CONFIGS / f'{name}.py')
    model = config.model.to_dict()
    model['student']['backbone'].update(img_size=48, patch_size=24, embed_dims=8, num_heads=2)
    model['student']['cls_head'].update(in_channels=8, num_classes=3)
    model['student_view'].update(size=48)
    teachers = [model['teacher']] if 'type' in model['teacher'] else model['teacher'].values()
    for teacher in teachers:
        teacher.update(model=dict(type='TwelveBlockViT'), weights=None, view=dict(size=48))
    for term in model['terms'].values():
        if 'teacher_connector' in term:
            term['teacher_connector'][1].update(grid=(8, 2, 2))
    model.update(clip_shape=(8, 48, 48))
    config.model = model
    options = {'train_cfg.max_epochs': max_epochs, 'auto_scale_lr.enable': False}
    options |= {'train_dataloader.batch_size': 2, 'val_dataloader.batch_size': 3, 'default_hooks.logger.interval': 1}
    options |= {'param_scheduler.0.end': 1, 'param_scheduler.1.begin': 1}
    for index in (0, 1):
        pipeline = f'val_dataloader.dataset.datasets.{index}.pipeline'
        options |= {f'{pipeline}.1.num_clips': 1, f'{pipeline}.4.crop_size': 48}
    for index, dataset in enumerate(config.test_dataloader.dataset.datasets):
        pipeline = f'test_dataloader.dataset.datasets.{index}.pipeline'
        crop = {f'{pipeline}.3.scale': (-1, 48)} if dataset.pipeline[4].type == 'ThreeCrop' else {}
        options |= {f'{pipeline}.1.num_clips': 2, f'{pipeline}.4.crop_size': 48, **crop}
    options['val_dataloader.dataset.datasets.0.labels_per_class'] = 2
    config.merge_from_dict(options)
    return config


def umt() -> Config:
    config = small('umt_clip_b16_to_vit_b16_kinetics400', max_epochs=2)
    config.model.student_tokens.update(keep=0.5)
    return config


def demo(data) -> Config:
    config = Config.fromfile(CONFIGS / 'vit_tiny_demo.py')
    videos, annotations = data['hmdb51']
    model = config.model.to_dict()
    model['teacher'].update(weights=None)
    for network in (model['student'], model['teacher']['model']):
        network['cls_head'].update(num_classes=51)
    config.model = model
    options = {'train_cfg.max_iters': 1, 'train_cfg.val_interval': 1, 'train_dataloader.batch_size': 2}
    options['train_dataloader.dataset.pipeline.3.size'] = 32  # the videos are smaller than the demo's
    for dataset in (
        'train_dataloader.dataset',
        *(f'{kind}_dataloader.dataset.datasets.{number}' for kind in ('val', 'test') for number in (0, 1)),
    ):
        options |= {f'{dataset}.data_root': str(videos), f'{dataset}.ann_file': str(annotations)}
    config.merge_from_dict(options)
    return config


UNTESTED = {'val_dataloader': None, 'val_evaluator': None, 'val_cfg': None, 'default_hooks.checkpoint.save_best': None}


def run(config: Config, folder, **options):
    config = config.copy()
    config.work_dir, config.launcher = str(folder), 'none'
    config.merge_from_dict(options)
    runner = build_runner(config)
    runner.train()
    return runner


@pytest.fixture
def kinetics(data, monkeypatch):
    videos, annotations = data['kinetics400']
    monkeypatch.setenv('KINETICS400_VIDEOS', str(videos))
    monkeypatch.setenv('KINETICS400_ANNOTATIONS', str(annotations))
    return data


def test_the_demo_of_a_tiny_transformer_trains_a_step_and_is_tested(data, tmp_path):
    scalars = run(demo(data), tmp_path).message_hub.log_scalars
    assert all(math.isfinite(scalars[f'train/{name}'].current()) for name in ('loss_umt', 'loss_kd'))
    assert 0 <= scalars['val/retrieval/top1'].current() <= 1


def test_umt_with_workers_resumed_after_an_epoch_ends_as_if_it_had_not_been_stopped(kinetics, tmp_path):
    config = umt()
    workers = {f'{kind}_dataloader.num_workers': 1 for kind in ('train', 'val')}
    run(config, tmp_path / 'whole', **workers)
    # The resumed run is one that was stopped behind its first epoch: its folder has what the other had then.
    (tmp_path / 'stopped').mkdir()
    (tmp_path / 'stopped/epoch_1.pth').write_bytes((tmp_path / 'whole/epoch_1.pth').read_bytes())
    run(
        config,
        tmp_path / 'stopped',
        resume=True,
        load_from=str(tmp_path / 'stopped/epoch_1.pth'),
        **workers,
        **UNTESTED,
    )
    whole, resumed = (
        load_safely(tmp_path / folder / 'epoch_2.pth', what='checkpoint')['state_dict']
        for folder in ('whole', 'stopped')
    )
    assert whole['student_tokens.step'] == resumed['student_tokens.step'] > 1
    assert whole.keys() == resumed.keys() and all(torch.equal(value, resumed[key]) for key, value in whole.items())


def test_a_student_with_a_summary_token_for_each_teacher_starts_from_mmaction2s_and_learns_from_all(kinetics, tmp_path):
    config = small('clip_and_dino_to_vit_b16_kinetics400', max_epochs=1)
    plain = config.model.student.to_dict()
    plain['backbone'].update(type='VisionTransformer')
    del plain['backbone']['num_summary_tokens']
    start = MODELS.build(plain).state_dict()
    torch.save(dict(state_dict=start), tmp_path / 'mmaction2.pth')
    options = {'optim_wrapper.optimizer.lr': 1e-6, 'param_scheduler': None}
    options |= {'train_dataloader.num_workers': 0, 'train_dataloader.persistent_workers': False}
    options |= dict.fromkeys(('test_dataloader', 'test_evaluator', 'test_cfg'))
    runner = run(config, tmp_path / 'run', load_from=str(tmp_path / 'mmaction2.pth'), **options, **UNTESTED)
    losses = {name for name in runner.message_hub.log_scalars if name.startswith('train/loss_')}
    assert losses == {f'train/loss_{name}' for name in ('clip', 'dino', 'clip_tokens', 'dino_tokens')}
    assert all(math.isfinite(runner.message_hub.get_scalar(name).current()) for name in losses)
    trained = load_safely(tmp_path / 'run/epoch_1.pth', what='checkpoint')['state_dict']
    assert all((trained[f'student.{name}'] - value).abs().max() < 1e-4 for name, value in start.items())
    first, second = runner.optim_wrapper.optimizer.state[runner.model.student.backbone.cls_token]['exp_avg'][0]
    assert first.any() and second.any()  # each of the two had a gradient
    assert trained['criterion.terms.dino_tokens.teacher_connector.2.count'] > 0
    exported, _ = export_student(tmp_path / 'run/epoch_1.pth', tmp_path / 'student.pth')
    student = MODELS.build(config.model.student)
    student.load_state_dict(load_safely(exported, what='student')['state_dict'], strict=True)
    assert torch.equal(student.backbone.cls_token, trained['student.backbone.cls_token'])
