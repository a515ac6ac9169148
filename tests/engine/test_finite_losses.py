"""A loss that is not finite changes nothing, is named, and ends the training after some in a row."""

import copy
import re

import pytest
import torch
from mmengine.hooks import Hook

from kdtoolbox.cli.main import main
from kdtoolbox.registry import HOOKS
from kdtoolbox.runner.training import build_runner
from kdtoolbox.safe_files import load_safely
from tests.engine.test_runs import assert_same
from tests.tiny import distillation_head, run_config, student_config


@HOOKS.register_module(force=True)
class StatesHook(Hook):
    """Keeps weights, statistics and the optimizer's state before each step, and whose clips it is shown."""

    def before_train(self, runner):
        self.states, self.shown = [], []

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        self.states.append(copy.deepcopy((dict(runner.model.state_dict()), runner.optim_wrapper.state_dict())))
        self.shown.append([sample.sample_id for sample in data_batch['data_samples']])

    def after_train(self, runner):
        self.before_train_iter(runner, 0, dict(data_samples=[]))


def config_of(tmp_path, *, clips, epochs=2, value='nan', **hook):
    config = run_config(
        tmp_path / 'run',
        epochs=epochs,
        student=student_config(dropout=0.5),
        terms=dict(
            kd=distillation_head(), odd=dict(distillation_head(), loss=dict(type='NanOfSomeClips', clips=clips))
        ),
    )
    config.model.terms.odd.loss.value = value
    config.default_hooks.finite_losses = dict(type='FiniteLossHook', **hook)
    config.custom_hooks = [one for one in config.custom_hooks if one['type'] != 'PreflightHook'] + [
        dict(type='StatesHook')
    ]
    config.train_dataloader.dataset.length = 16
    config.custom_imports = dict(imports=['tests.tiny', 'tests.engine.test_finite_losses'])
    return config


def run(config, name):
    config.experiment_name = f'{name}-{config.work_dir}'.replace('/', '_')
    runner = build_runner(config)
    runner.train()
    return next(hook for hook in runner.hooks if isinstance(hook, StatesHook))


@pytest.mark.parametrize('value', ['nan', 'inf', '-inf'])
def test_a_step_whose_loss_is_not_finite_moves_nothing_and_the_others_all(value, tmp_path):
    hook = run(config_of(tmp_path, clips=('video3',), value=value, action='skip'), f'skip {value}')
    assert len(hook.shown) == 9
    for shown, before, after in zip(hook.shown, hook.states, hook.states[1:]):
        if 'video3' in shown:
            assert_same(before, after, str(shown))
        else:
            with pytest.raises(AssertionError):
                assert_same(before, after)
    assert all(tensor.isfinite().all() for tensor in hook.states[-1][0].values())


def test_with_gradients_accumulated_the_whole_step_is_left_out(tmp_path):
    config = config_of(tmp_path, clips=('video3',), epochs=4, action='skip')
    config.optim_wrapper.accumulative_counts = 2
    hook = run(config, 'accumulated')
    for first in range(0, 16, 2):
        weights = [
            {name: value for name, value in state.items() if 'running' not in name and 'batches' not in name}
            for state, _ in hook.states
        ]
        is_bad = 'video3' in {name for step in hook.shown[first : first + 2] for name in step}
        is_same = all(torch.equal(weights[first][name], weights[first + 2][name]) for name in weights[first])
        assert is_same == is_bad


def test_a_discriminator_is_held_too(tmp_path):
    """The student's features are infinite: so is the discriminator's own loss."""
    config = config_of(tmp_path, clips=(), action='skip')
    config.model = dict(
        type='AdversarialDistiller',
        student=config.model.student,
        teacher=config.model.teacher,
        student_view=dict(size=16),
        discriminator=dict(type='Discriminator', in_channels=8, widths=(6,)),
        adversarial=dict(
            loss=dict(type='BCEAdversarial'),
            student_connector=dict(type='LinearProjection', in_channels=32, out_channels=8),
        ),
    )
    wrapper = config.optim_wrapper.to_dict()
    config.optim_wrapper = dict(
        constructor='AdversarialOptimWrapperConstructor', student=wrapper, discriminator=copy.deepcopy(wrapper)
    )
    config.param_scheduler = None
    config.custom_hooks.append(dict(type='PoisonHook'))
    hook = run(config, 'game')
    assert_same(hook.states[2], hook.states[3])
    assert not all(torch.equal(hook.states[1][0][name], value) for name, value in hook.states[2][0].items())
    assert all(tensor.isfinite().all() for tensor in hook.states[-1][0].values())


@HOOKS.register_module(force=True)
class PoisonHook(Hook):
    """Makes the student's features infinite in the third step."""

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        if runner.iter == 2:
            self.handle = runner.model.student.backbone.register_forward_hook(lambda *args: args[-1] * float('inf'))
        elif runner.iter == 3:
            self.handle.remove()


def test_after_some_in_a_row_the_training_stops_and_names_term_clips_and_file(tmp_path, capsys):
    config = config_of(tmp_path, clips=tuple(f'video{n}' for n in range(16)), patience=3)
    config.dump(tmp_path / 'config.py')
    assert main(['train', str(tmp_path / 'config.py')]) == 2
    error = capsys.readouterr().err
    assert 'iteration 3: loss_odd is not finite' in error and 'video' in error and 'Traceback' not in error
    assert 'last 3 steps' in error and not list((tmp_path / 'run').glob('*.pth'))
    files = sorted((tmp_path / 'run/not_finite').iterdir())
    assert [file.name for file in files] == [f'iter_{n}_rank0.pth' for n in (1, 2, 3)] and str(files[-1]) in error
    content = load_safely(files[0], what='batch')
    assert len(content['inputs']) == len(content['sample_ids']) == len(content['labels']) == 4
    assert all(name in error for name in load_safely(files[-1], what='batch')['sample_ids'])
    assert content['losses']['loss_odd'] != content['losses']['loss_odd'] and content['losses']['loss_kd'] > 0


def test_fewer_in_a_row_do_not_stop_it_and_only_some_batches_are_kept(tmp_path):
    config = config_of(tmp_path, clips=('video3',), epochs=4, patience=3, num_saved=2)
    assert len(run(config, 'few').shown) == 17
    assert len(list((tmp_path / 'run/not_finite').iterdir())) == 2


def test_weights_that_are_not_finite_are_not_saved(tmp_path, capsys):
    config = config_of(tmp_path, clips=())
    config.custom_hooks.append(dict(type='SpoilHook'))
    config.dump(tmp_path / 'config.py')
    assert main(['train', str(tmp_path / 'config.py')]) == 2
    message = capsys.readouterr().err
    assert 'student.cls_head.fc_cls.bias: no checkpoint' in message
    assert re.search(r'after iteration 8 \(loss_\w+ [\d.]+.*, of the clips \w+', message), message
    assert [file.name for file in (tmp_path / 'run').glob('epoch*.pth')] == ['epoch_1.pth']


@HOOKS.register_module(force=True)
class SpoilHook(Hook):
    """As a gradient that was not finite would leave it, at the end of the second epoch."""

    def after_train_epoch(self, runner):
        if runner.epoch == 1:
            runner.model.student.cls_head.fc_cls.bias.data.fill_(float('nan'))


def test_senseless_settings_are_refused():
    for options in (dict(action='ignore'), dict(patience=0)):
        with pytest.raises(ValueError, match="expected 'stop' or 'skip', and 1 or more"):
            HOOKS.build(dict(type='FiniteLossHook', **options))
