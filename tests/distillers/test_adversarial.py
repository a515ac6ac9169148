"""The adversarial distiller: who learns from what, in which order, and with which precision."""

import copy
from contextlib import contextmanager

import pytest
import torch
import torch.nn.functional as F
from mmengine.optim import OptimWrapper

from kdtoolbox.discriminators import L1Regularizer
from kdtoolbox.engine import AdversarialOptimWrapperConstructor
from kdtoolbox.registry import MODELS, OPTIM_WRAPPERS
from kdtoolbox.safe_files import load_safely, save_aside
from tests.engine.test_runs import assert_same, checkpoint, train
from tests.tiny import batch, distillation_head, run_config, student_config, teacher_config

GAME = dict(
    loss=dict(type='BCEAdversarial'),
    dropout=0.5,
    weight=0.5,
    student_connector=dict(type='LinearProjection', in_channels=32, out_channels=8),
)


@OPTIM_WRAPPERS.register_module(force=True)
class BFloat16OptimWrapper(OptimWrapper):
    """What AmpOptimWrapper does on a GPU, for the CPU: the step runs under autocast."""

    @contextmanager
    def optim_context(self, model):
        with super().optim_context(model), torch.autocast('cpu', dtype=torch.bfloat16):
            yield


def model_config(terms=(), **game) -> dict:
    return dict(
        type='AdversarialDistiller',
        student=student_config(),
        teacher=teacher_config(),
        student_view=dict(size=16),
        discriminator=dict(type='Discriminator', in_channels=8, widths=(6, 5)),
        terms=dict(terms),
        adversarial={**copy.deepcopy(GAME), **game},
    )


def optimizers(**options) -> dict:
    return dict(
        constructor='AdversarialOptimWrapperConstructor',
        student=dict(optimizer=dict(type='SGD', lr=0.05, momentum=0.9), **options),
        discriminator=dict(optimizer=dict(type='Adam', lr=0.01), **options),
    )


def build(wrapper='OptimWrapper', use_labels=True, **game):
    torch.manual_seed(0)
    model = MODELS.build(dict(model_config(**game), use_labels=use_labels)).train()
    config = optimizers(type=wrapper)
    config.pop('constructor')
    return model, AdversarialOptimWrapperConstructor(config)(model)


def adversarial_run(work_dir, *, epochs=2, **options):
    config = run_config(work_dir, epochs=epochs, **model_config(terms=dict(kd=distillation_head()), **options))
    config.optim_wrapper = optimizers()
    config.param_scheduler = dict(
        student=[dict(type='MultiStepLR', milestones=[1], by_epoch=True)],
        discriminator=[dict(type='MultiStepLR', milestones=[2], by_epoch=True)],
    )
    return config


def test_a_step_is_the_students_then_the_discriminators_with_its_weights_before_the_step():
    """The step done by hand, with torch's own losses, on a copy."""
    model, optimizer = build(dropout=0.0, regularizers=[dict(type='L1Regularizer', weight=0.01)])
    twin = copy.deepcopy(model)
    sgd = torch.optim.SGD(
        [p for name, p in twin.named_parameters() if not name.startswith('discriminator')], lr=0.05, momentum=0.9
    )
    adam = torch.optim.Adam(twin.discriminator.parameters(), lr=0.01)
    data = twin.data_preprocessor(batch(), True)
    seen = {}
    handle = twin.student.cls_head.register_forward_pre_hook(lambda _, args: seen.update(features=args[0]))
    losses = twin.student(data['inputs'], data['data_samples'], mode='loss')
    handle.remove()
    pooled = seen['features'].mean((2, 3, 4))
    ours = twin.criterion.terms['adversarial'].student_connector[1](pooled)
    theirs = twin.teachers[''](data['teacher_inputs'][''])['features']
    scores = twin.discriminator(ours)
    student_loss = losses['loss_cls'] + 0.5 * F.binary_cross_entropy_with_logits(scores, torch.ones_like(scores))
    sgd.zero_grad()
    student_loss.backward()
    adam.zero_grad()
    real, fake = twin.discriminator(theirs), twin.discriminator(ours.detach())
    discriminator_loss = 0.5 * (
        F.binary_cross_entropy_with_logits(real, torch.ones_like(real))
        + F.binary_cross_entropy_with_logits(fake, torch.zeros_like(fake))
    )
    discriminator_loss = discriminator_loss + 0.01 * sum(p.abs().sum() for p in twin.discriminator.parameters())
    discriminator_loss.backward()
    sgd.step()
    adam.step()

    logged = model.train_step(batch(), optimizer)
    for (name, one), (_, other) in zip(model.named_parameters(), twin.named_parameters()):
        torch.testing.assert_close(one, other, msg=name)
    assert logged['loss'].item() == pytest.approx(student_loss.item(), rel=1e-5)
    assert logged['discriminator_loss'].item() == pytest.approx(discriminator_loss.item(), rel=1e-5)
    assert logged['discriminator_accuracy_teacher'].item() == (real > 0).float().mean().item()
    assert logged['discriminator_accuracy_student'].item() == (fake <= 0).float().mean().item()


def test_batch_norm_is_updated_once_a_step():
    model, optimizer = build()
    model.train_step(batch(), optimizer)
    counts = {int(value) for name, value in model.student.state_dict().items() if name.endswith('num_batches_tracked')}
    assert counts == {1}


def test_the_second_view_is_what_a_second_pass_with_dropout_would_give():
    """Same batch, same mask: the features of a second pass of the student, dropped out, are those the game gets."""
    model, _ = build()
    data = model.data_preprocessor(batch(), True)
    second_pass = copy.deepcopy(model.student)
    torch.manual_seed(7)
    model(**data, mode='loss')
    _, _, second = model.criterion.terms['adversarial'].loss.seen
    features = second_pass(data['inputs'], mode='tensor', stage='backbone').mean((2, 3, 4))
    torch.manual_seed(7)
    dropped = F.dropout(features, 0.5)
    torch.testing.assert_close(second, model.criterion.terms['adversarial'].student_connector[1](dropped).detach())


@pytest.mark.parametrize(
    'objective', ['BCEAdversarial', 'HingeAdversarial', 'LeastSquaresAdversarial', 'WassersteinAdversarial']
)
def test_every_objective_trains_both_and_no_teacher(objective):
    model, optimizer = build(loss=dict(type=objective))
    before = copy.deepcopy(model.state_dict())
    teacher = copy.deepcopy(model.teachers[''].state_dict())
    logged = model.train_step(batch(), optimizer)
    moved = {name.split('.')[0] for name, value in model.named_parameters() if not torch.equal(value, before[name])}
    assert moved == {'student', 'criterion', 'discriminator'}
    assert ('discriminator_gradient_penalty' in logged) == (objective == 'WassersteinAdversarial')
    assert all(torch.isfinite(value) for value in logged.values())
    assert_same(teacher, model.teachers[''].state_dict())


def test_several_regularisers_are_logged_each():
    model, optimizer = build(
        regularizers=[dict(type='L1Regularizer', weight=0.01), dict(type='FakeAsReal', weight=1.0)]
    )
    logged = model.train_step(batch(), optimizer)
    parts = ('discriminator_adversarial', 'discriminator_L1Regularizer', 'discriminator_FakeAsReal')
    assert logged['discriminator_loss'].item() == pytest.approx(sum(logged[part].item() for part in parts), rel=1e-5)


@pytest.mark.parametrize('kind', ['kdtoolbox.L1Regularizer', L1Regularizer])
def test_a_regulariser_may_be_named_with_its_scope_or_be_the_class_itself(kind):
    model, optimizer = build(regularizers=[dict(type=kind, weight=0.01)])
    assert model.train_step(batch(), optimizer)['discriminator_L1Regularizer'] > 0
    with pytest.raises(ValueError, match='is there twice'):
        build(regularizers=[dict(type=kind), dict(type='L1Regularizer')])


def test_a_discriminator_beats_a_student_that_stands_still():
    model, optimizer = build(weight=1.0)
    for group in optimizer['student'].optimizer.param_groups:
        group['lr'] = 0.0
    for group in optimizer['discriminator'].optimizer.param_groups:
        group['lr'] = 0.05
    for _ in range(30):
        logged = model.train_step(batch(), optimizer)
    assert logged['discriminator_accuracy_teacher'] == logged['discriminator_accuracy_student'] == 1


@pytest.mark.parametrize('labels', [None, [0, -1, 1, 2], [-1] * 4])
def test_under_autocast_the_game_is_played_in_float32(labels):
    model, optimizer = build('BFloat16OptimWrapper')
    logged = model.train_step(batch(labels=labels), optimizer)
    assert logged['loss_cls'].dtype == torch.float32
    assert all(part.dtype == torch.float32 for part in model.criterion.terms['adversarial'].loss.seen)
    assert logged['loss_adversarial'].dtype == logged['discriminator_loss'].dtype == torch.float32
    assert all(torch.isfinite(value) for value in logged.values())
    assert all(parameter.dtype == torch.float32 for parameter in model.parameters())


def test_a_game_scheduled_to_zero_leaves_the_discriminator_alone():
    model, optimizer = build(weight_schedule=[(0.0, 0.0), (0.5, 1.0)])
    before = copy.deepcopy(model.discriminator.state_dict())
    logged = model.train_step(batch(), optimizer)
    assert 'discriminator_loss' not in logged
    assert_same(before, model.discriminator.state_dict())


def test_resuming_is_exact_with_the_discriminator_and_both_optimizers(tmp_path):
    finished = train(adversarial_run(tmp_path / 'finished', epochs=3), 'finished adversarial')
    config = copy.deepcopy(finished.cfg)
    config.work_dir, config.resume, config.load_from = str(tmp_path / 'resumed'), True, checkpoint(finished, 1)
    resumed = train(config, 'resumed adversarial')
    one, other = (load_safely(checkpoint(runner, 3), what='checkpoint') for runner in (finished, resumed))
    assert {name.split('.')[0] for name in one['state_dict']} == {'student', 'criterion', 'discriminator'}
    assert set(one['optimizer']) == set(one['param_schedulers']) == {'student', 'discriminator'}
    for part in ('state_dict', 'optimizer', 'param_schedulers'):
        assert_same(one[part], other[part], part)


def test_every_loss_and_both_accuracies_are_logged(tmp_path):
    runner = train(adversarial_run(tmp_path, epochs=1), 'logged adversarial')
    scalars = set(runner.message_hub.log_scalars)
    assert {
        'train/loss',
        'train/loss_cls',
        'train/loss_kd',
        'train/loss_adversarial',
        'train/discriminator_loss',
        'train/discriminator_accuracy_teacher',
        'train/discriminator_accuracy_student',
    } <= scalars


@pytest.mark.parametrize(
    'change, message',
    [
        (dict(adversarial=dict(GAME, weigth=1)), "unknown \\['weigth'\\]"),
        (dict(adversarial=dict(dropout=0.5)), 'has no loss'),
        (dict(adversarial=dict(GAME, weight=0.0)), 'weight 0: use type=Distiller'),
        (dict(terms=dict(adversarial=distillation_head())), "a term is called 'adversarial'"),
        (dict(adversarial=dict(GAME, regularizers=[dict(type='L1Regularizer')] * 2)), 'is there twice'),
        (
            dict(
                adversarial=dict(GAME, teacher_connector=dict(type='LinearProjection', in_channels=8, out_channels=8))
            ),
            'teacher_connector has parameters',
        ),
    ],
)
def test_what_does_not_fit_is_refused_when_built(change, message):
    with pytest.raises(ValueError, match=message):
        MODELS.build({**model_config(), **change})


def test_features_of_different_length_are_refused_with_the_fix():
    with pytest.raises(ValueError, match=r'student \(\d, 32\) and teacher \(\d, 8\) differ.*LinearProjection'):
        model, optimizer = build(student_connector=None)
        model.train_step(batch(), optimizer)


def test_one_optimizer_for_two_players_is_refused():
    model, _ = build()
    optimizer = OptimWrapper(torch.optim.SGD(model.parameters(), lr=0.1))
    with pytest.raises(ValueError, match='needs two optimizers'):
        model.train_step(batch(), optimizer)


@pytest.mark.parametrize('config', [dict(student=dict()), dict(student=dict(), discriminator=dict(), teacher=dict())])
def test_optimizers_for_other_players_are_refused(config):
    with pytest.raises(ValueError, match='expected constructor, student and'):
        AdversarialOptimWrapperConstructor(config)


@OPTIM_WRAPPERS.register_module(force=True)
class CountingOptimWrapper(OptimWrapper):
    """Knows how often it has stepped."""

    steps = 0

    def step(self, **kwargs):
        self.steps += 1
        super().step(**kwargs)


def accumulating(work_dir, **options):
    """Six iterations with a step every four."""
    config = run_config(work_dir, epochs=3, **options)
    config.model.student = student_config(norm='GN')
    config.param_scheduler = None
    torch.manual_seed(5)
    save_aside({'state_dict': MODELS.build(config.model.student).state_dict()}, work_dir / 'student.pth')
    config.load_from = str(work_dir / 'student.pth')
    return config


def test_the_last_iterations_of_an_accumulating_training_count_as_in_a_plain_one(tmp_path):
    plain = accumulating(tmp_path / 'plain', teacher=None, terms={})
    plain.optim_wrapper = dict(optimizers()['student'], type='CountingOptimWrapper', accumulative_counts=4)
    game = accumulating(tmp_path / 'game', **model_config(weight=1e-12, dropout=0.0))
    game.optim_wrapper = optimizers(type='CountingOptimWrapper', accumulative_counts=4)
    plain, game = train(plain, 'plain accumulating'), train(game, 'adversarial accumulating')
    assert plain.optim_wrapper.steps == 2
    assert [game.optim_wrapper[player].steps for player in ('student', 'discriminator')] == [2, 2]
    for name, parameter in plain.model.student.named_parameters():
        torch.testing.assert_close(game.model.student.get_parameter(name), parameter, atol=1e-6, rtol=1e-4, msg=name)


def test_a_discriminator_that_sits_out_some_iterations_still_uses_what_it_gathered(tmp_path):
    """Plays in the first half of six iterations: three gradients, a step after four iterations, none after that."""
    game = accumulating(tmp_path, **model_config(weight_schedule=[(0.0, 1.0), (0.45, 1.0), (0.5, 0.0)]))
    game.optim_wrapper = optimizers(type='CountingOptimWrapper', accumulative_counts=4)
    runner = train(game, 'sitting out')
    assert [runner.optim_wrapper[player].steps for player in ('student', 'discriminator')] == [2, 1]
