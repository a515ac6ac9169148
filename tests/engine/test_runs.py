"""Whole runs through mmengine's Runner: safe checkpoints, exact resume, export, two processes."""

import copy
import re

import pytest
import torch
from mmaction.apis import init_recognizer
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.runner import Runner

from kdtoolbox.cli.export_student import HEADER, export_student
from kdtoolbox.engine.checkpoints import student_state_dict
from kdtoolbox.registry import DATA_SAMPLERS, HOOKS, MODELS
from kdtoolbox.runner.testing import test_student as run_test
from kdtoolbox.runner.training import build_runner
from kdtoolbox.safe_files import load_safely
from tests.tiny import distillation_head, run_config, student_config


def train(config: Config, name: str) -> Runner:
    config = copy.deepcopy(config)
    config.experiment_name = f'{name}-{id(config)}'
    runner = Runner.from_cfg(config)
    runner.train()
    return runner


@pytest.fixture(scope='module')
def finished(tmp_path_factory) -> Runner:
    """Three epochs without a break, dropout on, so that the random state matters, and a memory that grows."""
    from mmengine.registry import init_default_scope

    init_default_scope('kdtoolbox')
    memory = dict(
        loss=dict(type='VideoMean', loss=dict(type='L2')),
        student='features',
        teacher='features',
        student_connector=dict(type='LinearProjection', in_channels=32, out_channels=8),
    )
    config = run_config(
        tmp_path_factory.mktemp('finished'),
        epochs=3,
        student=student_config(dropout=0.5),
        terms=dict(kd=distillation_head(), memory=memory),
    )
    return train(config, 'finished')


def checkpoint(runner: Runner, epoch: int):
    return f'{runner.work_dir}/epoch_{epoch}.pth'


def assert_same(left, right, where=''):
    if isinstance(left, dict):
        assert left.keys() == right.keys(), where
        for key in left:
            assert_same(left[key], right[key], f'{where}.{key}')
    elif isinstance(left, (list, tuple)):
        assert len(left) == len(right), where
        for index, (one, other) in enumerate(zip(left, right)):
            assert_same(one, other, f'{where}[{index}]')
    elif isinstance(left, torch.Tensor):
        assert torch.equal(left, right), where
    else:
        assert left == right, where


def test_checkpoints_load_with_weights_only_and_hold_no_teacher(finished):
    content = torch.load(checkpoint(finished, 3), weights_only=True)
    assert {name.split('.')[0] for name in content['state_dict']} == {'student', 'criterion'}


def test_resuming_continues_exactly(finished, tmp_path):
    config = copy.deepcopy(finished.cfg)
    config.work_dir, config.resume, config.load_from = str(tmp_path), True, checkpoint(finished, 1)
    resumed = train(config, 'resumed')
    for epoch in (2, 3):
        one, other = (load_safely(checkpoint(runner, epoch), what='checkpoint') for runner in (finished, resumed))
        for part in ('state_dict', 'optimizer', 'param_schedulers'):
            assert_same(one[part], other[part], part)
        # the times differ from run to run, and the path of the best checkpoint with the folder
        for scalar, history in one['message_hub']['log_scalars'].items():
            if 'time' not in scalar:
                assert_same(history, other['message_hub']['log_scalars'][scalar], scalar)
        assert one['message_hub']['runtime_info']['best_score'] == other['message_hub']['runtime_info']['best_score']


def test_a_checkpoint_of_another_model_is_refused(finished, tmp_path):
    config = run_config(tmp_path, student=student_config(num_classes=9))
    config.load_from = checkpoint(finished, 1)
    with pytest.raises(ValueError, match=r'of another model than this Distiller.*fc_cls.bias \(5,\) instead of \(9,\)'):
        train(config, 'other model')


def test_a_head_of_another_size_is_refused_before_the_first_step(tmp_path):
    config = run_config(tmp_path, student=student_config(num_classes=9))
    with pytest.raises(ValueError, match=r'student has 9 classes, but the training set has 5 \(class0 … class4\)'):
        train(config, 'wrong head')
    assert not list(tmp_path.glob('*.pth'))


def test_training_can_start_from_an_exported_student(finished, tmp_path):
    out, _ = export_student(checkpoint(finished, 3), tmp_path / 'student.pth')
    config = run_config(tmp_path / 'second', epochs=1, student=student_config(dropout=0.5))
    config.load_from = str(out)
    config.optim_wrapper.optimizer.lr = 0.0
    state = train(config, 'second').model.student.state_dict()
    exported = load_safely(out, what='checkpoint')['state_dict']
    assert all(
        torch.equal(state[name], exported[name])
        for name in exported
        if 'running' not in name and 'num_batches' not in name
    )


def test_testing_a_training_checkpoint_and_its_export_give_the_metrics_of_training(finished, tmp_path):
    out, _ = export_student(checkpoint(finished, 3), tmp_path / 'student.pth')
    of_training = {
        name: history.current() for name, history in finished.message_hub.log_scalars.items() if name.startswith('val/')
    }
    for file in (checkpoint(finished, 3), out):
        config = copy.deepcopy(finished.cfg)
        config.work_dir = str(tmp_path / 'test')
        config.experiment_name = f'test-{file}'.replace('/', '_')
        for name, value in run_test(config, str(file)).items():
            assert value == pytest.approx(of_training[f'val/{name}']), name


def test_testing_a_student_of_another_shape_is_refused(finished, tmp_path):
    config = run_config(tmp_path, student=student_config(num_classes=9))
    with pytest.raises(ValueError, match='of another model than this Recognizer3D'):
        run_test(config, checkpoint(finished, 3))


def test_an_exported_student_is_plain_mmaction2(finished, tmp_path):
    out, config = export_student(checkpoint(finished, 3), tmp_path / 'student.pth')
    assert 'kdtoolbox' not in config.read_text().removeprefix(HEADER)
    recognizer = init_recognizer(str(config), str(out), device='cpu')
    state = load_safely(out, what='checkpoint')['state_dict']
    recognizer.load_state_dict(state, strict=True)
    trained = finished.model.student.state_dict()
    assert trained.keys() == recognizer.state_dict().keys()
    assert all(torch.equal(trained[name], value) for name, value in recognizer.state_dict().items())


def test_tuples_in_the_students_config_survive_the_export(tmp_path):
    student = student_config()
    student['cls_head']['topk'] = (1, 2)
    runner = train(run_config(tmp_path, epochs=1, student=student), 'topk')
    out, config = export_student(checkpoint(runner, 1), tmp_path / 'student.pth')
    assert init_recognizer(str(config), str(out), device='cpu').cls_head.topk == (1, 2)


def test_a_config_of_ones_own_is_not_overwritten_by_an_export(finished, tmp_path):
    (tmp_path / 'student.py').write_text('model = dict()')
    with pytest.raises(ValueError, match='student.py is in the place of the exported config'):
        export_student(checkpoint(finished, 1), tmp_path / 'student.pth')
    assert (tmp_path / 'student.py').read_text() == 'model = dict()' and not (tmp_path / 'student.pth').exists()


@pytest.mark.parametrize(
    'changed, message',
    [
        ({'train_dataloader.dataset.num_classes': 0}, 'no training video has a label'),
        ({'val_dataloader.dataset.num_classes': 4}, 'classes of the validation set are not those of the training set'),
    ],
)
def test_classes_that_do_not_go_together_are_refused_before_the_first_step(tmp_path, changed, message):
    config = run_config(tmp_path)
    config.merge_from_dict(changed)
    with pytest.raises(ValueError, match=message):
        train(config, f'classes {message}')
    assert not list(tmp_path.glob('*.pth'))


def test_exporting_what_holds_no_student_is_refused(tmp_path):
    torch.save(dict(state_dict={'fc.weight': torch.zeros(2)}), tmp_path / 'other.pth')
    with pytest.raises(ValueError, match='holds no student'):
        export_student(tmp_path / 'other.pth', tmp_path / 'out.pth')
    assert not (tmp_path / 'out.pth').exists()


def test_a_checkpoint_that_would_run_code_is_refused(tmp_path):
    torch.save(dict(state_dict={}, meta=re.compile), tmp_path / 'bad.pth')
    with pytest.raises(ValueError, match='not a file of tensors and plain values'):
        load_safely(tmp_path / 'bad.pth', what='checkpoint')


def test_the_ema_copy_holds_no_teacher_and_is_what_is_saved(tmp_path):
    config = run_config(tmp_path, epochs=1)
    config.custom_hooks.append(dict(type='EMAHook', momentum=0.5))
    runner = train(config, 'ema')
    content = load_safely(checkpoint(runner, 1), what='checkpoint')
    names = {name.removeprefix('module.').split('.')[0] for name in content['ema_state_dict']}
    assert names <= {'student', 'criterion', 'steps'}
    plain = MODELS.build(student_config())
    plain.load_state_dict(student_state_dict(content), strict=True)


def test_resuming_from_an_exported_student_is_refused_with_the_way_out(finished, tmp_path):
    exported, _ = export_student(checkpoint(finished, 1), tmp_path / 'student.pth')
    config = copy.deepcopy(finished.cfg)
    config.work_dir, config.resume, config.load_from = str(tmp_path), True, str(exported)
    with pytest.raises(ValueError, match='weights alone.*load_from without resume'):
        train(config, 'resumed from an exported student')


def test_a_resumed_run_stops_early_where_one_without_a_break_does(tmp_path):
    def run(name, load_from=None):
        config = run_config(tmp_path / name, epochs=8)
        config.val_evaluator = dict(type='AccMetric')  # whose numbers are numpy's
        config.default_hooks.checkpoint.save_best = 'acc/top1'
        config.custom_hooks += [
            dict(type='ValidateOnResumeHook'),
            dict(type='EarlyStoppingHook', monitor='acc/top1', rule='greater', patience=3, min_delta=2.0),
        ]
        config.resume, config.load_from = load_from is not None, load_from
        runner = build_runner(config)
        runner.train()
        return runner

    whole = run('whole')
    assert whole.epoch == 4 and run('resumed', checkpoint(whole, 2)).epoch == 4


@DATA_SAMPLERS.register_module(force=True)
class OwnBatchSampler(torch.utils.data.BatchSampler):
    def __init__(self, sampler, batch_size):
        super().__init__(sampler, batch_size, drop_last=True)


def test_a_run_with_a_batch_sampler_of_its_own_goes_on_with_the_clips_of_its_epoch(tmp_path):
    def clips(name, load_from=None):
        config = run_config(tmp_path / name, epochs=2)
        config.train_dataloader.dataset.length = 12
        config.train_dataloader.batch_sampler = dict(type='OwnBatchSampler')
        config.default_hooks.checkpoint = dict(type='CheckpointHook', interval=1, by_epoch=False)
        config.resume, config.load_from = load_from is not None, load_from
        config.custom_hooks.append(dict(type='ClipsOfStepsHook'))
        runner = train(config, name)
        return next(hook for hook in runner.hooks if isinstance(hook, ClipsOfStepsHook)).seen

    whole = clips('whole')
    assert len(whole) == 6 and clips('resumed', str(tmp_path / 'whole/iter_4.pth')) == whole[4:]


@HOOKS.register_module(force=True)
class ClipsOfStepsHook(Hook):
    """Notes the clips of each step."""

    def before_train(self, runner):
        self.seen = []

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        self.seen.append([sample.sample_id for sample in data_batch['data_samples']])
