"""Every config under configs/ is built and trained for an epoch, on generated videos, its teacher without weights."""

import ast
import json
import math
import re
from pathlib import Path

import pytest
import torch
import torchvision
from mmaction.models.backbones import c3d
from mmengine.config import Config

from kdtoolbox.cli.main import main
from kdtoolbox.safe_files import load_safely
from tests.conftest import REPOSITORY
from tests.narrow_c3d import narrow_convolution
from tests.tiny import SHALLOW

CONFIGS = sorted(path for path in (REPOSITORY / 'configs').glob('*.py'))
FOLDERS = ('', 'methods', 'regimes', 'demo')
EXPERIMENTS = [path for folder in FOLDERS for path in (REPOSITORY / 'configs' / folder).glob('*.py')]
BASES = list((REPOSITORY / 'configs/_base_').rglob('*.py'))
THREE_CLASSES = ('ucf101', 'kinetics400', 'activitynet', 'folder')  # so many have the generated videos


def small(config: Path) -> list[str]:
    """Options that make a config small: a narrow student where it can be, a small teacher, little data."""
    shipped = Config.fromfile(config)
    model, size = shipped.model, 32 if 'c3d' in config.name else 48
    options = [
        f'model.student_view.size={size}',
        'train_cfg.max_epochs=1',
        'train_dataloader.batch_size=3',
        'val_dataloader.batch_size=3',
        'env_cfg.cudnn_benchmark=False',
    ]
    if 'teacher' in model:
        teacher = 'model.teacher.teacher' if 'teacher' in model.teacher else 'model.teacher'
        options += [
            f'{teacher}.model=torchvision.mobilenet_v3_small',
            f'{teacher}.weights=None',
            f'{teacher}.view.size=32',
        ]
    if model.get('use_labels', True) and config.stem.endswith(THREE_CLASSES):
        options.append('model.student.cls_head.num_classes=3')  # what the generated videos have
    for loader in ('train', 'val', 'test'):
        options += [f'{loader}_dataloader.num_workers=0', f'{loader}_dataloader.persistent_workers=False']
    for index in (0, 1):
        pipeline = f'val_dataloader.dataset.datasets.{index}.pipeline'
        options += [f'{pipeline}.1.num_clips=1', f'{pipeline}.4.crop_size={size}']
    for index, dataset in enumerate(shipped.test_dataloader.dataset.datasets):
        pipeline = f'test_dataloader.dataset.datasets.{index}.pipeline'
        crop = [f'{pipeline}.3.scale=(-1,{size})'] if dataset.pipeline[4].type == 'ThreeCrop' else []
        options += [f'{pipeline}.1.num_clips=2', f'{pipeline}.4.crop_size={size}', *crop]
    if 'image_stem' in config.name:
        options += [
            'model.student.backbone.weights=None',
            'model.terms.features.student_connector.out_channels=1024',
            'model.terms.features.teacher_connector.channels=1024',
        ]
    elif 'c3d' in config.name:
        options.append(
            'model.student.backbone.out_dim=128'
        )  # in front of its first linear layer, of 32² and 32 channels
    else:
        options += ['model.student.backbone.base_channels=4', f'model.student.backbone.depth={SHALLOW}']
        options.append('model.student.cls_head.in_channels=32')
        options += [
            f'model.terms.{name}.student_connector.in_channels=32'
            for name, term in model.get('terms', {}).items()
            if 'student_connector' in term
        ]
    if 'anc' in config.name:
        options += [
            'model.discriminator.in_channels=1024',
            'model.adversarial.student_connector.type=LinearProjection',
            'model.adversarial.student_connector.in_channels=32',
            'model.adversarial.student_connector.out_channels=1024',
        ]
    return options


@pytest.mark.parametrize('config', CONFIGS, ids=lambda path: path.stem)
def test_config_trains_and_validates(config, data, tmp_path, monkeypatch):
    videos, annotations = data[next(name for name in data if name in config.name)]
    name = config.stem.rsplit('_', 1)[-1].upper()
    monkeypatch.setenv(f'{name}_VIDEOS', str(videos))
    monkeypatch.setenv(f'{name}_ANNOTATIONS', str(annotations))
    options = ['--work-dir', str(tmp_path), '--cfg-options', *small(config)]
    if 'c3d' in config.name:
        monkeypatch.setattr(c3d, 'ConvModule', narrow_convolution)
    if 'cached' in config.name:
        monkeypatch.setenv(f'{name}_TEACHER_CACHE', str(tmp_path / 'cache'))
        weights = torchvision.models.mobilenet_v3_small().state_dict()  # random ones would be others in each command
        torch.save(weights, tmp_path / 'teacher.pth')
        options.append(f'model.teacher.teacher.weights={tmp_path / "teacher.pth"}')
        assert main(['cache', str(config), *options]) == 0
    assert main(['train', str(config), *options]) == 0
    checkpoint = load_safely(tmp_path / 'epoch_1.pth', what='checkpoint')
    scalars = {key: value['HistoryBuffer'][0] for key, value in checkpoint['message_hub']['log_scalars'].items()}
    assert checkpoint['meta']['iter'] == 2
    assert all(math.isfinite(loss) for loss in scalars['train/loss'])
    assert 0 <= scalars['val/quick_retrieval/top1'][-1] <= 1
    metrics = [metric.type for metric in Config.fromfile(config).val_evaluator]
    assert ('val/quick_acc/top1' in scalars) == ('QueryAccuracy' in metrics)
    (best,) = tmp_path.glob('best_quick_*_epoch_1.pth')
    tested = json.loads((tmp_path / 'full_test.json').read_text())
    origin = tested.pop('provenance')
    assert origin['checkpoint'] == best.name and '2 clips a video' in origin['protocol'].replace('6', '2')
    assert tested and all(key.split('/')[0] in ('acc', 'retrieval') for key in tested)


def test_configs_are_short_and_lean_on_one_level_of_bases():
    for config in EXPERIMENTS:
        text = config.read_text()
        assert len(text.splitlines()) <= 30 and '_delete_' not in text, config
        assert bases_of(config), config
    for base in BASES:
        assert not bases_of(base) and '_delete_' not in base.read_text(), base


def test_a_student_a_data_set_and_a_schedule_are_each_written_in_one_base():
    for config in [*EXPERIMENTS, *BASES]:
        kinds = set(re.findall(r"type='(\w+)'", config.read_text()))
        if config.parent.name != 'students' and not config.stem.endswith('_teacher'):
            assert not kinds & {'ResNet3d', 'ResNet2Plus1d', 'C3D', 'ImageStem3D', 'I3DHead', 'Recognizer3D'}, config
        if config.parent.name != 'datasets':
            assert not any(kind.endswith('Dataset') for kind in kinds), config
        if config.parent.name != 'schedules':
            assert not kinds & {
                'EpochBasedTrainLoop',
                'IterBasedTrainLoop',
                'SGD',
                'AdamW',
                'CosineAnnealingLR',
                'MultiStepLR',
            }, config


@pytest.mark.parametrize('data_set', ['kinetics400', 'activitynet', 'folder'])
@pytest.mark.parametrize('method, has_labels', [('kd', True), ('distinit', False)])
def test_large_data_sets_and_ones_own_videos_have_an_experiment_with_labels_and_one_without(
    data_set, method, has_labels
):
    model = Config.fromfile(REPOSITORY / f'configs/{method}_r2d_to_r3d_{data_set}.py').model
    assert model.get('use_labels', True) == has_labels
    assert model.student.cls_head.num_classes == {'distinit': 1000}.get(
        method, {'kinetics400': 400, 'activitynet': 200, 'folder': 10}[data_set]
    )


def bases_of(config: Path) -> list[str]:
    """What its ``_base_`` says."""
    values = [
        ast.literal_eval(node.value)
        for node in ast.parse(config.read_text()).body
        if isinstance(node, ast.Assign) and getattr(node.targets[0], 'id', None) == '_base_'
    ]
    return values[0] if values else []
