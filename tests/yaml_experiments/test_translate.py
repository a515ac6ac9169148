"""An experiment of the original schema becomes an mmengine config."""

import numpy as np
import pytest
import torch

from kdtoolbox.registry import MODELS
from tests.reference import load_case
from tests.yaml_experiments.minimal import anc, put, simple, translated


@pytest.mark.parametrize(
    'name, temperature, case', [('L1', 1, 'L1_T1'), ('L2', 4, 'L2_T4'), ('CE', 2, 'CE_T2'), ('KL_DIV', 4, 'KL_DIV_T4')]
)
@pytest.mark.parametrize('weight', [1, 3])
def test_the_similarity_loss_is_the_originals(shared, name, temperature, case, weight):
    arrays, entry = load_case(shared, 'distil2d3d_loss', case)
    sim_loss = {'name': name, 'temperature': temperature, 'weight': weight * entry['params']['weight']}
    term = translated(simple(sim_loss=sim_loss))['model']['terms']['similarity']
    value = term['weight'] * MODELS.build(term['loss'])(torch.from_numpy(arrays['s']), torch.from_numpy(arrays['t']))
    np.testing.assert_allclose(value.item(), weight * arrays['loss'], rtol=entry['rtol'])
    assert (term['student'], term['teacher']) == ('logits', 'logits')


def test_a_simple_experiment_learns_logits_without_labels():
    model = translated(simple())['model']
    assert (model['type'], model['use_labels'], list(model['terms'])) == ('Distiller', False, ['similarity'])


@pytest.mark.parametrize('architecture', ['resnet18', 'resnet34', 'resnet50', 'resnet101', 'resnet152'])
def test_the_teacher_knows_imagenet_unless_weights_are_given(architecture):
    content = put(simple(), 'model.t_arch', architecture)
    teacher = translated(content)['model']['teacher']
    assert (teacher['type'], teacher['model'], teacher['weights'], teacher['pooling']) == (
        'ImageTeacher',
        f'torchvision.{architecture}',
        'IMAGENET1K_V1',
        'mean_logits',
    )
    assert translated(put(content, 'model.t_pretrain_path', 'w.pth'))['model']['teacher']['weights'] == 'w.pth'


def test_a_teacher_with_other_classes_takes_its_weights_from_a_file(tmp_path):
    content = put(simple(), 'model.n_classes', 12)
    with pytest.raises(ValueError, match='12 classes.*published weights of resnet18 have 1000'):
        translated(content)
    classifier = MODELS.build(dict(type='TorchvisionClassifier', name='resnet18', num_classes=12))
    torch.save(classifier.state_dict(), tmp_path / 'teacher.pth')
    model = translated(put(content, 'model.t_pretrain_path', str(tmp_path / 'teacher.pth')))['model']
    assert model['student']['cls_head']['num_classes'] == 12
    teacher = MODELS.build(model['teacher'])
    assert torch.equal(teacher.network.fc.weight, classifier.fc.weight)


def test_without_n_classes_the_data_set_tells_them():
    content = put(put(simple(), 'model.n_classes', ...), 'model.t_pretrain_path', 'w.pth')
    for name, num_classes in (('activitynet', 200), ('kinetics', 400), ('ucf101', 101), ('hmdb51', 51)):
        model = translated(put(content, 'train.data.name', name))['model']
        assert model['student']['cls_head']['num_classes'] == model['teacher']['model']['num_classes'] == num_classes


@pytest.mark.parametrize('architecture, backbone', [('c3d', 'C3D'), ('r3d', 'ResNet3d'), ('r21d', 'ResNet2Plus1d')])
def test_the_student_is_that_of_the_configs(architecture, backbone):
    config = translated(put(simple(), 'model.s_arch', architecture))
    assert config['model']['student']['backbone']['type'] == backbone
    assert config['model']['student']['cls_head']['num_classes'] == 1000


@pytest.mark.parametrize('data', [{'sample_size': 160}, {'sample_duration': 8}])
def test_c3d_fits_one_size(data):
    with pytest.raises(ValueError, match='layers of c3d fit 224'):
        translated(put(simple(data={'name': 'ucf101', **data}), 'model.s_arch', 'c3d'))


def test_an_anc_experiment_has_the_game_of_the_paper():
    model = translated(anc(adv_loss={'weight': 2}, d_reg={'name': ['L1', 'FakeAsReal'], 'weight': 0.5}))['model']
    assert (model['type'], model['use_labels'], list(model['terms'])) == ('AdversarialDistiller', False, ['similarity'])
    assert model['discriminator'] == dict(type='Discriminator', in_channels=512)
    assert model['adversarial'] == dict(
        student='features',
        teacher='features',
        loss=dict(type='BCEAdversarial'),
        weight=2,
        dropout=0.5,
        regularizers=[dict(type='L1Regularizer', weight=0.5), dict(type='FakeAsReal', weight=0.5)],
    )


def test_an_anc_experiment_may_be_without_regulariser_and_weights():
    adversarial = translated(anc())['model']['adversarial']
    assert (adversarial['weight'], adversarial['regularizers']) == (1, [])


@pytest.mark.parametrize(
    'teacher, student, connector',
    [
        ('resnet18', 'r3d', None),
        ('resnet34', 'r21d', None),
        ('resnet50', 'r3d', dict(type='LinearProjection', in_channels=512, out_channels=2048)),
        ('resnet18', 'c3d', dict(type='LinearProjection', in_channels=4096, out_channels=512)),
    ],
)
def test_features_of_another_size_are_projected_to_the_teachers(teacher, student, connector):
    content = anc()
    content['model'] |= {'t_arch': teacher, 's_arch': student}
    model = translated(content)['model']
    assert model['adversarial'].get('student_connector') == connector
    assert model['discriminator']['in_channels'] == (2048 if teacher == 'resnet50' else 512)


def test_loaders_and_loops_have_the_numbers_of_the_experiment():
    content = simple(batch_size=6, n_threads=0, n_epochs=9, checkpoint=3, logging_n=7)
    content['eval'] |= {'batch_size': 4, 'n_threads': 2, 'epoch_n': 5}
    config = translated(content)
    train, evaluation = config['train_dataloader'], config['val_dataloader']
    assert (train['batch_size'], train['num_workers'], train['persistent_workers']) == (6, 0, False)
    assert train['drop_last']
    assert (evaluation['batch_size'], evaluation['num_workers'], evaluation['persistent_workers']) == (4, 2, True)
    assert 'drop_last' not in evaluation, 'the last videos count too'
    assert config['train_cfg'] == dict(type='EpochBasedTrainLoop', max_epochs=9, val_interval=5)
    assert (
        config['default_hooks']['checkpoint']['interval'],
        config['default_hooks']['logger']['interval'],
        config['log_processor']['window_size'],
    ) == (3, 7, 7)
    assert config['val_evaluator'] == config['test_evaluator'] == [dict(type='ClipRetrieval')]


def test_the_best_checkpoint_by_top5_is_kept():
    checkpoint = translated(simple())['default_hooks']['checkpoint']
    assert (checkpoint['save_best'], checkpoint['rule']) == ('retrieval/top5', 'greater')


def test_without_eval_nothing_is_evaluated():
    config = translated(put(simple(), 'eval', ...))
    assert not [key for key in config if key.startswith(('val', 'test'))]
    assert 'save_best' not in config['default_hooks']['checkpoint']


def test_without_train_the_student_alone_is_evaluated():
    config = translated(put(put(simple(), 'train', ...), 'model.s_pretrain_path', 's.pth'))
    assert sorted(config['model']) == ['student', 'type']
    assert not [key for key in config if key.startswith(('train', 'val', 'optim', 'param'))]
    assert config['load_from'] == 's.pth'


def test_the_batch_is_that_of_all_processes():
    config = translated(put(simple(batch_size=6), 'eval.batch_size', 4), num_processes=2)
    assert (config['train_dataloader']['batch_size'], config['val_dataloader']['batch_size']) == (3, 2)
    with pytest.raises(ValueError, match=r'train\.batch_size 5 is that of all 2 processes'):
        translated(simple(batch_size=5), num_processes=2)


def test_resuming_goes_before_starting_from_weights():
    content = put(simple(), 'model.s_pretrain_path', 'student.pth')
    started = translated(content)
    assert (started['load_from'], started['resume']) == ('student.pth', False)
    resumed = translated(put(content, 'train.resume_path', 'epoch_3.pth'))
    assert (resumed['load_from'], resumed['resume']) == ('epoch_3.pth', True)


def test_the_seed_is_the_experiments():
    assert translated(put(simple(), 'run.manual_seed', 7))['randomness'] == dict(seed=7)
