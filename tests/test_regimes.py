"""Every config under configs/regimes/ is trained for an epoch, on generated videos and with tiny networks."""

import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from torch import nn

from kdtoolbox.cli.texts import read_classes
from kdtoolbox.deployment.student import load_student
from kdtoolbox.registry import MODELS
from kdtoolbox.runner.stages import read_stages
from kdtoolbox.runner.training import build_runner
from tests.conftest import REPOSITORY
from tests.tiny import SHALLOW, batch
from tests.videos import write_hmdb51

REGIMES = sorted((REPOSITORY / 'configs/regimes').glob('*.py'))
FEW_CLASSES = 4
LOSSES = {
    'semi_supervised': {'loss_cls', 'loss_kd'},
    'fewer_frames': {'loss_cls', 'loss_kd', 'loss_moments'},
    'mutual': {'loss_cls', 'loss_mutual', 'twin.loss_cls', 'twin.loss_mutual'},
    'ema_teacher': {'loss_cls', 'loss_consistency'},
    'image_and_video': {'loss_cls', 'loss_image', 'loss_video'},
    'video_teacher': {'loss_cls', 'loss_kd'},
    'clip_embeddings': {'loss_embedding'},
    'clip_texts': {'loss_text'},
    'clip_named_classes': {'loss_names', 'loss_embedding'},
}


@MODELS.register_module(force=True)
class FrameEmbedder(nn.Module):
    """Images (B, 3, H, W) to embeddings (B, 6)."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 6, 3, stride=4)

    def forward(self, images):
        return self.conv(images).mean((2, 3))


def shrink(config: dict) -> None:
    """Make every network in a config small, in place."""
    if config.get('type') == 'Recognizer3D':
        config['backbone'].update(base_channels=4, depth=SHALLOW)
        config['cls_head']['in_channels'] = 32
    if config.get('type') == 'ImageTeacher':
        config.update(model=dict(type='TinyImageNet', num_classes=51), weights=None, probe=None)
    if config.get('type') == 'EmbeddingTeacher':
        config.update(model=dict(type='FrameEmbedder'), weights=None)
    if config.get('type') == 'RecognizerTeacher':
        config.update(weights=None)
    for key, value in config.items():
        if key in ('view', 'student_view') and value:
            value['size'] = 48
        if isinstance(value, Mapping):
            shrink(value)


@pytest.fixture(scope='module')
def all_classes(tmp_path_factory) -> tuple[Path, Path]:
    """HMDB-51 with few classes: two videos of each to train on, and annotations."""
    return write_hmdb51(
        tmp_path_factory.mktemp('all_classes'), num_classes=FEW_CLASSES, used_classes=FEW_CLASSES, videos=2
    )


@pytest.mark.parametrize('file', REGIMES, ids=lambda path: path.stem)
def test_regime_trains_and_validates(file, data, tmp_path, monkeypatch, request):
    folders = dict(data)
    some_labels = 'labels_per_class' in Config.fromfile(file).train_dataloader.dataset
    if some_labels:  # then every class has to have videos
        folders['hmdb51'] = request.getfixturevalue('all_classes')
    for name, (videos, annotations) in folders.items():
        monkeypatch.setenv(f'{name.upper()}_VIDEOS', str(videos))
        monkeypatch.setenv(f'{name.upper()}_ANNOTATIONS', str(annotations))
    np.savez(
        tmp_path / 'texts.npz',
        features=np.random.default_rng(0).normal(size=(9, 6)).astype(np.float32),
        classes=np.array([f'a video of {number}' for number in range(9)]),
    )
    monkeypatch.setenv('UCF101_TEXT_FEATURES', str(tmp_path / 'texts.npz'))
    for name, (_, annotations) in data.items():
        if name in ('hmdb51', 'ucf101'):
            classes = list(read_classes(annotations / 'classInd.txt' if name == 'ucf101' else annotations))
            features = np.random.default_rng(0).normal(size=(len(classes), 6)).astype(np.float32)
            np.savez(tmp_path / f'{name}.npz', features=features, classes=np.array(classes))
            monkeypatch.setenv(f'{name.upper()}_CLASS_TEXTS', str(tmp_path / f'{name}.npz'))
    config = Config.fromfile(file)
    model = config.model.to_dict()
    shrink(model)
    if file.stem.startswith('clip_named'):  # the annotations of the test have fewer classes
        model['student']['cls_head']['num_classes'] = len(np.load(tmp_path / f'{file.stem[-6:]}.npz')['classes'])
    if some_labels:
        model['student']['cls_head']['num_classes'] = FEW_CLASSES
        if model['teacher']['type'] == 'ImageTeacher':
            model['teacher']['model']['num_classes'] = FEW_CLASSES
    config.model, config.work_dir, config.launcher = model, str(tmp_path), 'none'
    options = {'train_cfg.max_epochs': 1, 'train_dataloader.batch_size': 3, 'val_dataloader.batch_size': 3}
    if some_labels:  # one of the two videos of each class
        options['train_dataloader.dataset.labels_per_class'] = 1
    for loader in ('train', 'val', 'test'):
        options.update({f'{loader}_dataloader.num_workers': 0, f'{loader}_dataloader.persistent_workers': False})
    for index in (0, 1):
        for loader in ('val', 'test'):
            pipeline = f'{loader}_dataloader.dataset.datasets.{index}.pipeline'
            options.update({f'{pipeline}.1.num_clips': 1, f'{pipeline}.4.crop_size': 48})
    config.merge_from_dict(options)
    runner = build_runner(config)
    runner.train()
    scalars = runner.message_hub.log_scalars
    expected = next(losses for name, losses in LOSSES.items() if file.stem.startswith(name))
    logged = {name.removeprefix('train/') for name in scalars if 'loss' in name} - {'loss'}
    assert logged == expected
    assert all(math.isfinite(scalars[f'train/{name}'].current()) for name in ('loss', *expected))
    assert 0 <= scalars['val/quick_retrieval/top1'].current() <= 1
    assert (tmp_path / 'full_test.json').is_file()
    if file.stem.startswith('clip_named'):  # and the student names classes, of which it saw no label
        student = load_student(tmp_path / 'epoch_1.pth')
        name = file.stem[-6:]
        assert student.classes == np.load(tmp_path / f'{name}.npz')['classes'].tolist()
        assert student.predict(next(folders[name][0].rglob('*.avi')), topk=1).classes[0] in student.classes
        assert 0 <= scalars['val/quick_acc/top1'].current() <= 1
    if file.stem.startswith('image_and_video'):
        assert 0 <= scalars['train/gate_image'].current() <= 1


def test_a_student_of_fewer_frames_sees_half_of_what_its_teacher_sees(tmp_path):
    config = Config.fromfile(REPOSITORY / 'configs/regimes/fewer_frames_r3d_hmdb51.py').model.to_dict()
    shrink(config)
    model = MODELS.build(config)
    clip = torch.zeros(1, 3, 16, 48, 48, dtype=torch.uint8)
    data_batch = {**batch(1), 'inputs': [clip]}
    seen = model.data_preprocessor(data_batch, True)
    assert seen['inputs'].shape[3] == 8 and seen['teacher_inputs'][''].shape[1] == 16


@pytest.mark.parametrize('file', sorted((REPOSITORY / 'configs/stages').glob('*.py')), ids=lambda path: path.stem)
def test_every_plan_of_stages_hangs_together(file):
    stages = read_stages(Config.fromfile(file).stages)
    assert len(stages) > 1 and any('student}' in str(value) for value in stages[-1].cfg_options.values())
