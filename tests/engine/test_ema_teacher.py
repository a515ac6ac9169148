"""The mean teacher: what it is after each step, and that resuming continues it."""

import copy
import itertools

import pytest
import torch
from mmengine.hooks import Hook
from mmengine.runner import Runner

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


def ema_run(work_dir, *, epochs=1, hooks=('EMATeacherHook',), student=None, use_labels=True, **teacher):
    terms = dict(self_distillation=dict(loss=dict(type='KLDivergence', temperature=2)))
    config = run_config(
        work_dir,
        epochs=epochs,
        terms=terms,
        student=student or student_config(),
        use_labels=use_labels,
        teacher=dict(type='EMATeacher', view=dict(size=16), **{'decay': 0.9, **teacher}),
    )
    config.custom_hooks = [*config.custom_hooks, *(dict(type=name) for name in hooks)]
    return config


def test_the_teacher_starts_as_the_student_and_follows_it_by_the_papers_rule(tmp_path):
    runner = train(ema_run(tmp_path, hooks=('EMATeacherHook', 'RecordHook')), 'ema')
    seen = next(hook for hook in runner.hooks if isinstance(hook, RecordHook)).seen
    assert torch.equal(*seen[0])
    for (_, before), (student, teacher) in itertools.pairwise(seen):
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


def test_with_gradients_accumulated_it_moves_once_a_step(tmp_path):
    config = ema_run(tmp_path, hooks=('EMATeacherHook', 'RecordHook'))
    config.train_dataloader.batch_size = 1
    config.optim_wrapper.accumulative_counts = 3  # eight iterations: steps after 3, 6 and 8
    runner = train(config, 'ema accumulating')
    seen = next(hook for hook in runner.hooks if isinstance(hook, RecordHook)).seen
    for iteration, ((_, before), (student, teacher)) in enumerate(itertools.pairwise(seen), start=1):
        expected = 0.9 * before + 0.1 * student if iteration in (3, 6, 8) else before
        torch.testing.assert_close(teacher, expected)
    assert len(seen) == 9


def test_it_stays_where_it_is_in_a_step_that_is_left_out(tmp_path):
    config = ema_run(tmp_path, hooks=('EMATeacherHook', 'RecordHook'))
    odd = dict(loss=dict(type='NanOfSomeClips', clips=('video0',)), student='features', teacher=None)
    config.model.terms.odd = odd
    config.default_hooks.finite_losses = dict(type='FiniteLossHook', action='skip')
    runner = train(config, 'ema left out')
    seen = next(hook for hook in runner.hooks if isinstance(hook, RecordHook)).seen
    moved = [not torch.equal(before, teacher) for (_, before), (_, teacher) in itertools.pairwise(seen)]
    assert sorted(moved) == [False, True], 'the clip is in one of two steps'


def test_without_its_hook_it_is_refused_and_nothing_is_trained(tmp_path):
    config = ema_run(tmp_path, hooks=())
    config.experiment_name = 'no hook'
    runner = Runner.from_cfg(config)
    with pytest.raises(
        ValueError, match=r"EMATeacher is a random network that nothing moves: add dict\(type='EMATeacherHook'"
    ):
        runner.train()
    assert runner.iter == 0


def test_it_sees_the_frame_differences_that_the_student_sees():
    view = dict(size=16, modality='rgb_difference')
    options = dict(
        type='Distiller',
        student=student_config(),
        student_view=view,
        terms=dict(consistency=dict(loss=dict(type='KLDivergence'))),
    )
    model = MODELS.build(dict(options, teacher=dict(type='EMATeacher', view=dict(size=16))))
    data = model.data_preprocessor(batch(), True)
    torch.testing.assert_close(data['teacher_inputs'][''].transpose(1, 2).unsqueeze(1), data['inputs'])
    with pytest.raises(ValueError, match="sees 'rgb_difference'"):
        MODELS.build(dict(options, teacher=dict(type='EMATeacher', view=dict(size=16, modality='rgb'))))


def test_a_run_that_starts_from_another_begins_with_its_student_as_the_teacher(tmp_path):
    """With a new head of other classes, too: a stored average has the old one."""
    config = ema_run(tmp_path / 'first', student=student_config(num_classes=9), use_labels=False)
    config.val_evaluator = [dict(type='ClipRetrieval', topk=(1,))]
    first = train(config, 'ema first')
    config = ema_run(tmp_path / 'second', hooks=('EMATeacherHook', 'RecordHook'), decay=0.999)
    config.custom_hooks[1].replace_head = True
    config.load_from, config.optim_wrapper.optimizer.lr = checkpoint(first, 1), 0.0
    runner = train(config, 'ema second')
    teacher, student = runner.model.teachers[''].network, runner.model.student
    assert teacher.cls_head.fc_cls.weight.shape == (5, 32)
    for name, parameter in student.named_parameters():
        torch.testing.assert_close(teacher.get_parameter(name), parameter)
    stored = torch.load(checkpoint(first, 1), weights_only=True)['state_dict']
    assert torch.equal(student.backbone.conv1.conv.weight, stored['student.backbone.conv1.conv.weight'])
