"""Every config under configs/ is built and trained for an epoch, on generated videos and with a teacher without weights."""

import math
from pathlib import Path

import pytest
from mmengine.config import Config

from kdtoolbox.cli.main import main
from kdtoolbox.safe_files import load_safely
from tests.conftest import REPOSITORY
from tests.videos import write_activitynet, write_folders, write_hmdb51, write_kinetics, write_ucf101

CONFIGS = sorted(path for path in (REPOSITORY / 'configs').glob('*.py'))
WRITERS = {
    'hmdb51': write_hmdb51,
    'ucf101': write_ucf101,
    'kinetics400': write_kinetics,
    'activitynet': write_activitynet,
    'folder': write_folders,
}
THREE_CLASSES = ('ucf101', 'kinetics400', 'activitynet', 'folder')  # so many have the generated videos


@pytest.fixture(scope='session')
def data(tmp_path_factory) -> dict[str, tuple[Path, Path]]:
    folder = tmp_path_factory.mktemp('data')
    return {name: write(folder / name) for name, write in WRITERS.items()}


def small(config: Path) -> list[str]:
    """Options that make a config small: a narrow student where it can be, a small teacher, little data."""
    model = Config.fromfile(config).model
    options = [
        'model.student_view.size=48',
        'train_cfg.max_epochs=1',
        'train_dataloader.batch_size=3',
        'val_dataloader.batch_size=3',
        'env_cfg.cudnn_benchmark=False',
    ]
    if 'teacher' in model:
        options += [
            'model.teacher.model=torchvision.mobilenet_v3_small',
            'model.teacher.weights=None',
            'model.teacher.view.size=32',
        ]
    if model.get('use_labels', True) and config.stem.endswith(THREE_CLASSES):
        options.append('model.student.cls_head.num_classes=3')  # what the generated videos have
    for loader in ('train', 'val', 'test'):
        options += [f'{loader}_dataloader.num_workers=0', f'{loader}_dataloader.persistent_workers=False']
    for index in (0, 1):
        pipeline = f'val_dataloader.dataset.datasets.{index}.pipeline'
        options += [f'{pipeline}.1.num_clips=2', f'{pipeline}.4.crop_size=48']
    if 'c3d' in config.name:
        options.append('model.student.backbone.out_dim=2048')  # what 48² come to in front of its first linear layer
    else:
        options += ['model.student.backbone.base_channels=4', 'model.student.cls_head.in_channels=32']
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
    videos, annotations = data[next(name for name in WRITERS if name in config.name)]
    name = config.stem.rsplit('_', 1)[-1].upper()
    monkeypatch.setenv(f'{name}_VIDEOS', str(videos))
    monkeypatch.setenv(f'{name}_ANNOTATIONS', str(annotations))
    status = main(['train', str(config), '--work-dir', str(tmp_path), '--cfg-options', *small(config)])
    assert status == 0
    checkpoint = load_safely(tmp_path / 'epoch_1.pth', what='checkpoint')
    scalars = {key: value['HistoryBuffer'][0] for key, value in checkpoint['message_hub']['log_scalars'].items()}
    assert checkpoint['meta']['iter'] == 2
    assert all(math.isfinite(loss) for loss in scalars['train/loss'])
    assert 0 <= scalars['val/retrieval/top1'][-1] <= 1
    metrics = [metric.type for metric in Config.fromfile(config).val_evaluator]
    assert ('val/acc/top1' in scalars) == ('QueryAccuracy' in metrics)
    assert list(tmp_path.glob('best_*_epoch_1.pth'))


def test_configs_are_short_and_lean_on_one_level_of_bases():
    for config in CONFIGS:
        text = config.read_text()
        assert len(text.splitlines()) <= 120 and '_delete_' not in text, config
        for base in Config.fromfile(config)._cfg_dict.get('_base_', []):
            assert '_base_ =' not in (config.parent / base).read_text()
