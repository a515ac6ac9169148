"""Fine-tuning: a student goes on with another head, and with nothing else that is its own."""

import json
import math
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.runner import Runner

from kdtoolbox.cli.export_student import export_student
from kdtoolbox.cli.main import main
from kdtoolbox.registry import MODELS
from kdtoolbox.runner.training import build_runner
from kdtoolbox.safe_files import load_safely, save_aside
from tests.conftest import REPOSITORY
from tests.tiny import run_config, student_config
from tests.videos import write_hmdb51

HEAD = ('cls_head.fc_cls.weight', 'cls_head.fc_cls.bias')


def train(config, name) -> Runner:
    config.experiment_name = f'{name}-{id(config)}'
    runner = Runner.from_cfg(config)
    runner.train()
    return runner


def finetuning(folder, load_from, *, num_classes=5, **options):
    """One epoch that changes nothing but batch norm's statistics, so that what was loaded can be seen."""
    config = run_config(folder, epochs=1, student=student_config(num_classes), teacher=None, terms={}, **options)
    config.load_from = load_from and str(load_from)
    config.optim_wrapper.optimizer.lr = 0.0
    config.custom_hooks[1].replace_head = True
    return config


def test_a_bare_state_dict_is_loaded_beside_an_average_of_the_weights_too(exported, tmp_path):
    state = load_safely(exported, what='student')['state_dict']
    save_aside(state, tmp_path / 'bare.pth')
    config = finetuning(tmp_path / 'run', tmp_path / 'bare.pth', num_classes=9)
    config.custom_hooks[1].replace_head = False
    for loader in (config.train_dataloader, config.val_dataloader):
        loader.dataset.num_classes = 9
    config.custom_hooks.append(dict(type='EMAHook', momentum=0.5))
    runner = build_runner(config)
    runner.train()
    weights = learned(runner.model.student.state_dict())
    assert all(torch.equal(value, state[name]) for name, value in weights.items())


def learned(state):
    statistics = ('running_mean', 'running_var', 'tracked')
    return {name: value for name, value in state.items() if not name.endswith(statistics)}


def log_of(runner) -> str:
    return ''.join(file.read_text() for file in Path(runner.work_dir).rglob('*.log'))


@pytest.fixture(scope='module')
def distilled(tmp_path_factory) -> Path:
    """A training checkpoint, connectors and all, of a student of 9 classes that learned without labels."""
    init_default_scope('kdtoolbox')
    config = run_config(tmp_path_factory.mktemp('distilled'), epochs=1, student=student_config(9), use_labels=False)
    config.val_evaluator = [dict(type='ClipRetrieval', topk=(1, 5))]
    return Path(train(config, 'distilled').work_dir) / 'epoch_1.pth'


@pytest.fixture(scope='module')
def exported(distilled, tmp_path_factory) -> Path:
    return export_student(distilled, tmp_path_factory.mktemp('exported') / 'student.pth')[0]


@pytest.mark.parametrize('source', ['distilled', 'exported'])
def test_everything_but_the_head_is_the_checkpoints(source, exported, tmp_path, request):
    runner = train(finetuning(tmp_path, request.getfixturevalue(source)), 'finetune')
    state = learned(runner.model.student.state_dict())
    given = load_safely(exported, what='checkpoint')['state_dict']
    assert state[HEAD[0]].shape == (5, 32)
    assert all(torch.equal(value, given[name]) for name, value in state.items() if name not in HEAD)
    assert len(state) > 20 and set(state) == set(learned(given))


def test_a_head_of_the_same_size_is_replaced_too_and_the_log_says_so(exported, tmp_path):
    config = finetuning(tmp_path, exported, num_classes=9)
    config.log_level = 'INFO'
    config.custom_hooks = config.custom_hooks[:2]  # without the check of the number of classes
    config.val_evaluator = [dict(type='ClipRetrieval', topk=(1,))]  # which needs no classes
    runner = train(config, 'same size')
    given = load_safely(exported, what='checkpoint')['state_dict']
    assert not torch.equal(runner.model.student.cls_head.fc_cls.weight, given[HEAD[0]])
    assert 'A new head: student.cls_head.fc_cls.weight (9, 32)' in log_of(runner)


def test_another_backbone_is_refused(exported, tmp_path):
    config = finetuning(tmp_path, exported)
    config.model.student.backbone.conv1_kernel = (3, 5, 5)
    with pytest.raises(
        ValueError,
        match=r'of another shape \[.student.backbone.conv1.conv.weight \(4, 3, 3, 3, 3\) '
        r'instead of \(4, 3, 3, 5, 5\).\] \(1\)',
    ):
        train(config, 'another backbone')


def test_a_missing_and_an_unexpected_tensor_are_refused(exported, tmp_path):
    state = load_safely(exported, what='checkpoint')['state_dict']
    state['backbone.extra'] = state.pop('backbone.conv1.bn.weight')
    save_aside({'state_dict': state}, tmp_path / 'student.pth')
    with pytest.raises(
        ValueError,
        match=r"missing \['student.backbone.conv1.bn.weight'\] \(1\), unexpected "
        r"\['student.backbone.extra'\] \(1\)",
    ):
        train(finetuning(tmp_path / 'run', tmp_path / 'student.pth'), 'other tensors')


def test_without_replace_head_another_head_is_still_refused(exported, tmp_path):
    config = finetuning(tmp_path, exported)
    config.custom_hooks[1].replace_head = False
    for loader in (config.train_dataloader, config.val_dataloader):
        loader.dataset.num_classes = 9
    with pytest.raises(ValueError, match=r'fc_cls.bias \(9,\) instead of \(5,\)'):
        train(config, 'all or nothing')


def test_a_plain_recognizer_is_fine_tuned_likewise(exported, tmp_path):
    config = finetuning(tmp_path, exported)
    config.model = student_config()
    config.val_evaluator = config.test_evaluator = [dict(type='QueryAccuracy')]
    config.default_hooks.checkpoint.save_best = None
    state = learned(train(config, 'plain').model.state_dict())
    given = load_safely(exported, what='checkpoint')['state_dict']
    assert all(torch.equal(value, given[name]) for name, value in state.items() if name not in HEAD)


def test_a_resumed_fine_tuning_keeps_its_head(exported, tmp_path):
    first = train(finetuning(tmp_path, exported), 'first')
    config = finetuning(tmp_path, f'{tmp_path}/epoch_1.pth')
    config.resume, config.train_cfg.max_epochs = True, 2
    resumed = train(config, 'resumed')
    assert resumed.epoch == 2
    assert torch.equal(first.model.student.cls_head.fc_cls.weight, resumed.model.student.cls_head.fc_cls.weight)


def test_starting_from_nothing_and_from_other_statistics_of_colour_is_said(exported, tmp_path):
    assert 'Nothing was loaded: the student starts from random weights' in log_of(
        train(finetuning(tmp_path / 'scratch', None), 'scratch')
    )
    alike = finetuning(tmp_path / 'alike', exported)
    unlike = finetuning(tmp_path / 'unlike', exported)
    unlike.model.student.data_preprocessor.mean = [0.0, 0.0, 0.0]
    logs = [log_of(train(config, f'colour {id(config)}')) for config in (alike, unlike)]
    assert ['normalised otherwise than now' in log for log in logs] == [False, True]
    assert 'Nothing was loaded' not in logs[0]


def test_a_head_without_the_usual_classifier_is_refused(exported, tmp_path):
    config = finetuning(tmp_path, exported)
    config.model.student.cls_head = dict(type='X3DHead', num_classes=5, in_channels=32, average_clips='prob')
    with pytest.raises(ValueError, match=r'replaces cls_head.fc_cls.\*, which this student has not.*cls_head.fc1'):
        train(config, 'x3d')


def test_export_fine_tune_test_with_the_config_that_is_there(tmp_path, monkeypatch):
    """An R3D-18 of 4 to 32 channels with a teacher's 1000 classes, generated videos, 2 clips of 3 crops."""
    config = str(REPOSITORY / 'configs/finetune_r3d_hmdb51.py')
    videos, annotations = write_hmdb51(tmp_path / 'data')
    monkeypatch.setenv('HMDB51_VIDEOS', str(videos))
    monkeypatch.setenv('HMDB51_ANNOTATIONS', str(annotations))
    options = [
        'model.student.backbone.base_channels=4',
        'model.student.cls_head.in_channels=32',
        'model.student_view.size=48',
        'train_cfg.max_epochs=1',
        'train_dataloader.batch_size=3',
    ]
    for loader in ('train', 'val', 'test'):
        options += [f'{loader}_dataloader.num_workers=0', f'{loader}_dataloader.persistent_workers=False']
    for index in (0, 1):
        options += [
            f'val_dataloader.dataset.datasets.{index}.pipeline.1.num_clips=1',
            f'val_dataloader.dataset.datasets.{index}.pipeline.4.crop_size=48',
        ]
    options += [
        'test_dataloader.dataset.datasets.0.pipeline.1.num_clips=2',
        'test_dataloader.dataset.datasets.0.pipeline.3.scale=(-1,48)',
        'test_dataloader.dataset.datasets.0.pipeline.4.crop_size=48',
    ]
    student = Config.fromfile(config).model.student
    student.backbone.base_channels, student.cls_head.in_channels, student.cls_head.num_classes = 4, 32, 1000
    save_aside({'state_dict': MODELS.build(student).state_dict()}, tmp_path / 'student.pth')
    assert (
        main(
            [
                'train',
                config,
                '--work-dir',
                str(tmp_path / 'run'),
                '--cfg-options',
                *options,
                f'load_from={tmp_path / "student.pth"}',
            ]
        )
        == 0
    )
    assert main(['export-student', str(tmp_path / 'run/epoch_1.pth'), str(tmp_path / 'tuned.pth')]) == 0
    assert load_safely(tmp_path / 'tuned.pth', what='checkpoint')['state_dict'][HEAD[0]].shape == (51, 32)
    assert (
        main(
            [
                'test',
                config,
                str(tmp_path / 'tuned.pth'),
                '--work-dir',
                str(tmp_path / 'test'),
                '--out',
                str(tmp_path / 'metrics.json'),
                '--cfg-options',
                *options,
            ]
        )
        == 0
    )
    metrics = json.loads((tmp_path / 'metrics.json').read_text())
    assert metrics.pop('provenance')['checkpoint'] == 'tuned.pth'
    assert 'acc/top1' in metrics and all(map(math.isfinite, metrics.values()))
