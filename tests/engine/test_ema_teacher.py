"""The mean teacher: what it is after each step, and that resuming continues it."""

import copy

import pytest
import torch
from mmengine.hooks import Hook

from kdtoolbox.registry import HOOKS, MODELS
from tests.engine.test_runs import assert_same, checkpoint, train
from tests.tiny import batch, run_config, student_config


@HOOKS.register_module(force=True)
class RecordHook(Hook):
    """The student's and the teacher's first convolution before training and after each step."""

    priority = 'LOWEST'

    def before_train(self, runner):
        self.seen = []
        self.after_train_iter(runner, 0)

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        networks = runner.model.student, runner.model.teachers[''].network
        self.seen.append([network.backbone.conv1.conv.weight.detach().clone() for network in networks])


def ema_run(work_dir, *, epochs=1, hooks=('EMATeacherHook',), **teacher):
    terms = dict(self_distillation=dict(loss=dict(type='KLDivergence', temperature=2)))
    config = run_config(work_dir, epochs=epochs, terms=terms,
                        teacher=dict(type='EMATeacher', view=dict(size=16), **{'decay': 0.9, **teacher}))
    config.custom_hooks = [*config.custom_hooks, *(dict(type=name) for name in hooks)]
    return config


def test_the_teacher_starts_as_the_student_and_follows_it_by_the_papers_rule(tmp_path):
    runner = train(ema_run(tmp_path, hooks=('EMATeacherHook', 'RecordHook')), 'ema')
    seen = next(hook for hook in runner.hooks if isinstance(hook, RecordHook)).seen
    assert torch.equal(*seen[0])
    for (_, before), (student, teacher) in zip(seen, seen[1:]):
        torch.testing.assert_close(teacher, 0.9 * before + 0.1 * student)
    assert not torch.equal(*seen[-1])


def test_the_average_is_in_the_checkpoint_and_not_in_the_model(tmp_path):
    runner = train(ema_run(tmp_path), 'ema checkpoint')
    content = torch.load(checkpoint(runner, 1), weights_only=True)
    assert {name.split('.')[0] for name in content['state_dict']} == {'student'}
    assert_same(content['ema_teachers'][''], dict(runner.model.teachers[''].average.state_dict()))


def test_resuming_is_exact(tmp_path):
    finished = train(ema_run(tmp_path / 'finished', epochs=2), 'ema finished')
    config = copy.deepcopy(finished.cfg)
    config.work_dir, config.resume, config.load_from = str(tmp_path / 'resumed'), True, checkpoint(finished, 1)
    resumed = train(config, 'ema resumed')
    one, other = (torch.load(checkpoint(runner, 2), weights_only=True) for runner in (finished, resumed))
    for part in ('state_dict', 'ema_teachers', 'optimizer'):
        assert_same(dict(one[part]), dict(other[part]), part)


def test_resuming_from_a_run_without_the_average_is_refused(tmp_path):
    plain = train(run_config(tmp_path / 'plain', epochs=1, teacher=None, terms={}), 'plain')
    config = ema_run(tmp_path / 'ema', epochs=2)
    config.resume, config.load_from = True, checkpoint(plain, 1)
    with pytest.raises(ValueError, match='no average of the student'):
        train(config, 'ema without average')


def test_the_hook_without_such_a_teacher_says_so(tmp_path):
    config = run_config(tmp_path, epochs=1)
    config.custom_hooks = [*config.custom_hooks, dict(type='EMATeacherHook')]
    with pytest.raises(ValueError, match='has no teacher to move'):
        train(config, 'no ema teacher')


def test_the_teacher_gets_no_gradient_and_stays_in_evaluation_mode():
    model = MODELS.build(ema_run('unused').model.to_dict()).train()
    assert not model.teachers[''].network.training
    losses = model(**model.data_preprocessor(batch(), True), mode='loss')
    sum(value for name, value in losses.items() if 'loss' in name).backward()
    assert all(parameter.grad is None for parameter in model.teachers[''].parameters())


@pytest.mark.parametrize('decay', [0, 1, 1.5])
def test_a_decay_that_is_no_share_is_refused(decay):
    with pytest.raises(ValueError, match='decay'):
        MODELS.build(dict(type='EMATeacher', student=MODELS.build(student_config()), view=dict(size=16), decay=decay))
