"""Which experiments are complete, and what the messages say of others."""

import re

import pytest

from kdtoolbox.yaml_experiments import checked_datasets, checked_experiment, is_experiment
from kdtoolbox.yaml_experiments.schema import EXPERIMENT
from kdtoolbox.yaml_experiments.value_checks import Section
from tests.yaml_experiments.minimal import anc, datasets, put, simple

DEFAULTS = {
    'run.exp_path': 'exps',
    'run.exp_id': None,
    'run.gpus': [0],
    'run.manual_seed': 1,
    'train.n_threads': 4,
    'train.batch_size': 32,
    'train.n_epochs': 200,
    'train.checkpoint': 1,
    'train.temporal_pooling': 'AVG',
    'train.data.sample_size': 224,
    'train.data.sample_duration': 16,
    'train.data.norm_value': 255,
    'train.data.initial_scale': 1.0,
    'train.data.n_scales': 5,
    'train.data.scale_step': 0.84089641525,
    'train.data.train_crop': 'corner',
    'train.sim_loss.weight': 1,
    'train.sim_loss.temperature': 1,
    'train.optimizer.momentum': 0,
    'train.optimizer.dampening': 0,
    'train.optimizer.weight_decay': 0,
    'train.optimizer.nesterov': False,
    'train.logging_n': 50,
    'eval.n_threads': 4,
    'eval.batch_size': 32,
    'eval.epoch_n': 1,
    'eval.data.norm_value': 255,
}


def value_at(content, path):
    for key in path.split('.'):
        content = content[key]
    return content


def all_paths(section=EXPERIMENT, path=''):
    for key, kind in section.fields.items():
        here = f'{path}.{key}' if path else key
        yield here
        if isinstance(kind, Section):
            yield from all_paths(kind, here)


@pytest.mark.parametrize('path', DEFAULTS)
def test_defaults_are_those_of_the_original(path):
    assert value_at(checked_experiment(simple()), path) == DEFAULTS[path]


def test_defaults_of_the_schedule_are_those_of_the_original():
    schedule = checked_experiment(simple(scheduler={'name': 'ReduceLROnPlateau'}))['train']['scheduler']
    assert schedule == {
        'name': 'ReduceLROnPlateau',
        'decay_factor': 0.1,
        'patience': 10,
        'threshold': 1e-4,
        'milestones': None,
        'gamma': 0.1,
    }


def test_an_empty_key_has_its_default():
    assert checked_experiment(put(simple(), 'model.s_pretrain_path', ''))['model']['s_pretrain_path'] is None
    assert checked_experiment(put(simple(), 'run', None))['run']['manual_seed'] == 1


@pytest.mark.parametrize('path', list(all_paths()))
def test_a_misspelt_key_is_named_with_the_nearest(path):
    content = put(anc(d_reg={'name': 'L1'}, adv_loss={}, scheduler={'name': 'Exponential'}), f'{path}x', 1)
    key = path.split('.')[-1]
    with pytest.raises(ValueError, match=rf'^{re.escape(path)}x is not a key of .*did you mean {key}\?'):
        checked_experiment(content)


def test_a_key_like_no_other_gets_the_list():
    with pytest.raises(ValueError, match=r'run\.zzz is not a key of run: there are exp_path, exp_id, gpus'):
        checked_experiment(put(simple(), 'run.zzz', 1))


@pytest.mark.parametrize(
    'path, value, allowed',
    [
        ('model.t_arch', 'resnet19', 'one of resnet18, resnet34, resnet50, resnet101, resnet152'),
        ('model.s_arch', 'r4d', 'one of c3d, r3d, r21d'),
        ('model.n_classes', 1, 'a whole number, 2 or more'),
        ('model.t_pretrain_path', 3, 'a text'),
        ('run.gpus', -2, '-1 for the CPU'),
        ('run.gpus', [], '-1 for the CPU'),
        ('run.gpus', [0, 0], 'each once'),
        ('run.gpus', True, '-1 for the CPU'),
        ('run.gpus', '0', '-1 for the CPU'),
        ('run.gpus', [0, -1], '-1 for the CPU'),
        ('run.manual_seed', -1, 'from 0 to 4294967295'),
        ('run.manual_seed', 2**32, 'from 0 to 4294967295'),
        ('run.exp_id', '../other', 'a name of letters'),
        ('run.exp_id', '/tmp/x', 'a name of letters'),
        ('run.exp_id', '..', 'not beginning with'),
        ('run.exp_id', 'a\n', 'a name of letters'),
        ('train.method', 'simple', 'one of ANC, Simple'),
        ('train.batch_size', 0, 'a whole number, 1 or more'),
        ('train.batch_size', 1.5, 'a whole number'),
        ('train.n_epochs', True, 'a whole number'),
        ('train.temporal_pooling', 'MAX', 'one of AVG'),
        ('train.data.name', 'ucf', 'one of activitynet'),
        ('train.data.sample_size', 225, 'an even number'),
        ('train.data.norm_value', 2, 'one of 1, 255'),
        ('train.data.norm_value', True, 'one of 1, 255'),
        ('train.data.mean', [1, 2], 'three numbers'),
        ('train.data.mean', 'abc', 'three numbers'),
        ('train.data.std', [1, 1, 0], 'above 0'),
        ('train.data.initial_scale', 1.1, 'at most 1'),
        ('train.data.scale_step', 0, 'above 0'),
        ('train.data.n_scales', 0, '1 or more'),
        ('train.data.train_crop', 'left', 'one of random, corner, center'),
        ('train.sim_loss.name', 'BCE', 'one of L1, L2, CE, KL_DIV'),
        ('train.sim_loss.weight', -1, '0 or more'),
        ('train.sim_loss.temperature', 0, 'above 0'),
        ('train.optimizer.name', 'sgd', 'one of SGD, Adam, RMSProp'),
        ('train.optimizer.learning_rate', 0, 'above 0'),
        ('train.optimizer.learning_rate', 'fast', 'above 0'),
        ('train.optimizer.learning_rate', float('nan'), 'above 0'),
        ('train.optimizer.momentum', 1, 'below 1'),
        ('train.optimizer.nesterov', 1, 'true or false'),
        ('train.scheduler.name', 'Step', 'one of ReduceLROnPlateau'),
        ('eval.method', 'kNN', 'one of Retrieval'),
        ('eval.data.name', 'kinetics', 'one of ucf101, hmdb51'),
        ('eval', 5, 'expected keys'),
    ],
)
def test_a_value_out_of_range_says_what_is_allowed(path, value, allowed):
    with pytest.raises(ValueError, match=rf'^{path}: got .*{allowed}'):
        checked_experiment(put(simple(), path, value))


@pytest.mark.parametrize('milestones', [[], [20, 10], [0, 10], [10, 10], [1.5], 10])
def test_milestones_rise_from_one_on(milestones):
    with pytest.raises(ValueError, match=r'train\.scheduler\.milestones: got .*rising numbers of epochs'):
        checked_experiment(simple(scheduler={'name': 'MultiStep', 'milestones': milestones}))


def test_a_number_without_a_point_is_a_number():
    """YAML 1.1 reads 1e-4 as a text."""
    checked = checked_experiment(put(simple(), 'train.optimizer.weight_decay', '1e-4'))
    assert checked['train']['optimizer']['weight_decay'] == 1e-4


@pytest.mark.parametrize(
    'path',
    [
        'model.s_arch',
        'model.t_arch',
        'train.method',
        'train.data.name',
        'train.sim_loss.name',
        'train.optimizer.learning_rate',
        'eval.data.name',
    ],
)
def test_what_has_no_default_must_be_given(path):
    content = put(put(simple(), path, 'x'), path, ...)
    with pytest.raises(ValueError, match=rf'^{path} is missing'):
        checked_experiment(content)


def test_a_missing_section_is_not_done_and_one_of_them_is():
    assert checked_experiment(put(simple(), 'eval', ...))['eval'] is None
    assert checked_experiment(put(simple(), 'train', ...))['train'] is None
    with pytest.raises(ValueError, match='neither train nor eval'):
        checked_experiment({'model': {'s_arch': 'r3d'}})


def test_only_training_needs_a_teacher():
    content = put(simple(), 'model.t_arch', ...)
    assert checked_experiment(put(content, 'train', ...))['model']['t_arch'] is None


@pytest.mark.parametrize(
    'given, value',
    [
        ('train.adv_loss', {'name': 'BCE'}),
        ('train.d_reg', {'name': 'L1'}),
        ('train.d_optimizer', {'learning_rate': 1}),
        ('train.d_scheduler', {'name': 'Exponential'}),
        ('model.d_arch', 'anc_discriminator'),
    ],
)
def test_simple_has_no_discriminator(given, value):
    with pytest.raises(ValueError, match=f'{given}: method Simple has no discriminator'):
        checked_experiment(put(simple(), given, value))


def test_one_optimizer_for_both_or_one_for_each():
    own = {'learning_rate': 0.1}
    with pytest.raises(ValueError, match=r'train\.optimizer cannot be combined with train\.d_optimizer'):
        checked_experiment(anc(d_optimizer=own))
    with pytest.raises(ValueError, match=r'^train\.d_optimizer is missing'):
        checked_experiment(put(anc(s_optimizer=own), 'train.optimizer', ...))
    with pytest.raises(ValueError, match=r'^train\.optimizer is missing'):
        checked_experiment(put(anc(), 'train.optimizer', ...))
    checked_experiment(put(anc(s_optimizer=own, d_optimizer=own), 'train.optimizer', ...))
    checked_experiment(put(simple(s_optimizer=own), 'train.optimizer', ...))


@pytest.mark.parametrize(
    'path, section, message',
    [
        (
            'train.optimizer',
            {'name': 'Adam', 'learning_rate': 1, 'momentum': 0.9},
            'momentum: Adam has none, only SGD, RMSProp',
        ),
        (
            'train.optimizer',
            {'name': 'RMSProp', 'learning_rate': 1, 'nesterov': True},
            'nesterov: RMSProp has none, only SGD',
        ),
        ('train.optimizer', {'learning_rate': 1, 'nesterov': True}, 'nesterov needs a momentum'),
        (
            'train.scheduler',
            {'name': 'Exponential', 'milestones': [3]},
            'milestones: Exponential has none, only MultiStep',
        ),
        ('train.scheduler', {'name': 'MultiStep'}, 'milestones is missing'),
    ],
)
def test_settings_that_would_do_nothing_are_refused(path, section, message):
    with pytest.raises(ValueError, match=rf'{path}\.{message}'):
        checked_experiment(put(simple(), path, section))


def test_a_setting_without_use_that_is_the_default_may_stand():
    checked_experiment(put(simple(), 'train.optimizer', {'name': 'Adam', 'learning_rate': 1, 'momentum': 0}))


def test_a_plateau_needs_an_evaluation_to_watch():
    content = simple(scheduler={'name': 'ReduceLROnPlateau'})
    checked_experiment(content)
    with pytest.raises(ValueError, match='watches the top-5 of the retrieval'):
        checked_experiment(put(content, 'eval', ...))


@pytest.mark.parametrize('norm_value, top', [(255, 1), (1, 255)])
def test_colours_are_on_the_scale_of_the_inputs(norm_value, top):
    data = {'name': 'hmdb51', 'norm_value': norm_value, 'std': [top, top, top]}
    checked_experiment(put(simple(), 'eval.data', data))
    with pytest.raises(ValueError, match=rf'eval\.data\.mean: got .* from 0 to {top}'):
        checked_experiment(put(simple(), 'eval.data', {**data, 'mean': [top + 1, 0, 0]}))


def test_a_datasets_file_is_checked_like_an_experiment():
    with pytest.raises(ValueError, match=r'hmdb51\.data_path is not a key of hmdb51'):
        checked_datasets(datasets(hmdb51={'data_path': 'x'}))
    with pytest.raises(ValueError, match='ucf is not a key of the file: did you mean ucf101'):
        checked_datasets({'ucf': {}})
    assert checked_datasets({'ucf101': {'jpg_video_path': ''}})['hmdb51'] is None


@pytest.mark.parametrize(
    'content',
    [
        {'_base_': 'x.py'},
        {'model': {'type': 'Distiller'}},
        {'train_dataloader': {}},
        {'optim_wrapper': {}},
        {'test_evaluator': {}},
    ],
)
def test_an_mmengine_config_is_told_from_an_experiment(content):
    assert not is_experiment(content)
    assert is_experiment(simple()) and is_experiment({'trian': {}})


@pytest.mark.parametrize(
    'path, value, message',
    [
        ('train.checkpoint', 11, r'train\.checkpoint: got 11, expected at most train\.n_epochs, which is 10'),
        ('eval.epoch_n', 11, r'eval\.epoch_n: got 11, expected at most train\.n_epochs'),
        (
            'train.scheduler',
            {'name': 'MultiStep', 'milestones': [5, 10, 12]},
            r'train\.scheduler\.milestones: got \[10, 12\], expected epochs below train\.n_epochs',
        ),
        ('train.s_scheduler', {'name': 'MultiStep', 'milestones': [10]}, r'train\.s_scheduler\.milestones: got \[10\]'),
    ],
)
def test_what_would_happen_after_the_last_epoch_is_refused(path, value, message):
    with pytest.raises(ValueError, match=message):
        checked_experiment(put(simple(n_epochs=10), path, value))


def test_what_happens_up_to_the_last_epoch_may_stand():
    content = simple(n_epochs=10, checkpoint=10, scheduler={'name': 'MultiStep', 'milestones': [5, 9]})
    checked_experiment(put(content, 'eval.epoch_n', 10))
