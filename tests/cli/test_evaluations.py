"""``kdtoolbox test --eval``: every evaluation by its short name, of an exported student."""

import json

import pytest
import torch

from kdtoolbox.cli.main import main
from kdtoolbox.cli.test import EVALUATIONS, evaluators
from kdtoolbox.config_files.evaluators import tell_average_clips
from kdtoolbox.evaluation import VideoFeatures, save_features
from kdtoolbox.registry import MODELS
from kdtoolbox.runner.testing import test_student as metrics_of_student
from kdtoolbox.runner.testing import without_teacher
from kdtoolbox.safe_files import save_aside
from tests.tiny import NUM_CLASSES, run_config, student_config, teacher_config
from tests.videos import write_video

PREFIXES = {
    'accuracy': 'acc',
    'retrieval': 'retrieval',
    'knn': 'knn',
    'linear': 'linear',
    'agreement': 'agreement',
    'calibration': 'calibration',
    'confusion': 'confusion',
}


def config_for(folder, **model):
    """The tiny experiment with a teacher of the data set's classes, 24 test videos, and its config file."""
    config = run_config(
        folder,
        **{'teacher': dict(teacher_config(), model=dict(type='TinyImageNet', num_classes=5)), 'terms': {}, **model},
    )
    config.test_dataloader.dataset.length = 24
    config.custom_imports = dict(imports=['tests.tiny'])
    config.dump(folder / 'config.py')
    return config


@pytest.fixture
def student(tmp_path):
    torch.manual_seed(0)
    save_aside({'state_dict': MODELS.build(student_config()).state_dict()}, tmp_path / 'student.pth')
    return tmp_path / 'student.pth'


def run_test(folder, student, *evaluations):
    return main(
        ['test', f'{folder}/config.py', str(student), '--out', f'{folder}/metrics.json', '--eval', *evaluations]
    )


def test_every_evaluation_gives_its_numbers_in_one_file(tmp_path, student):
    config_for(tmp_path)
    status = run_test(tmp_path, student, *EVALUATIONS)
    metrics = json.loads((tmp_path / 'metrics.json').read_text())
    told = metrics.pop('provenance')
    assert (told['config'], told['checkpoint']) == ('config.py', 'student.pth')
    assert status == 0 and {name.partition('/')[0] for name in metrics} == set(PREFIXES.values())
    assert all(isinstance(value, float) for value in metrics.values())
    assert metrics['retrieval/top1'] >= metrics['retrieval/chance_top1']
    assert metrics['agreement/student_acc'] == pytest.approx(metrics['acc/top1'])
    matrix = json.loads((tmp_path / 'confusion.json').read_text())['matrix']
    assert sum(map(sum, matrix)) == 12 and len(matrix) == NUM_CLASSES
    assert sum(matrix[k][k] for k in range(NUM_CLASSES)) / 12 == pytest.approx(metrics['acc/top1'])


def test_only_what_is_asked_for_is_measured_and_without_asking_what_the_config_says(tmp_path, student):
    config_for(tmp_path)
    for options, expected in (['--eval', 'knn'], {'knn'}), ([], {'acc', 'retrieval'}):
        main(['test', str(tmp_path / 'config.py'), str(student), '--out', str(tmp_path / 'out.json'), *options])
        assert {name.partition('/')[0] for name in json.loads((tmp_path / 'out.json').read_text())} == {
            *expected,
            'provenance',
        }


def test_the_teacher_is_built_for_agreement_alone(tmp_path, student, capsys):
    config_for(tmp_path, teacher=dict(type='ImageTeacher', model='torchvision.no_such_model'))
    run = ['test', str(tmp_path / 'config.py'), str(student), '--eval', 'accuracy']
    assert main(run) == 0
    assert main([*run, 'agreement']) == 2 and 'no_such_model' in capsys.readouterr().err


def test_the_student_of_any_distiller_is_tested_alone(tmp_path):
    config = config_for(
        tmp_path, type='AdversarialDistiller', discriminator=dict(type='Discriminator'), use_labels=False
    )
    assert without_teacher(config).model.to_dict() == dict(
        type='Distiller', student=student_config(), student_view=dict(size=16)
    )


def test_an_unknown_evaluation_lists_the_known_and_names_the_nearest(tmp_path, student, capsys):
    config_for(tmp_path)
    assert main(['test', str(tmp_path / 'config.py'), str(student), '--eval', 'retreival']) == 2
    message = capsys.readouterr().err
    assert "--eval 'retreival': expected any of accuracy, retrieval, knn" in message
    assert 'did you mean retrieval?' in message


def test_the_configs_own_settings_of_a_metric_hold(tmp_path):
    chosen = evaluators(config_for(tmp_path), ['retrieval', 'knn', 'retrieval'])
    assert chosen == [dict(type='ClipRetrieval', topk=(1, 5)), dict(type='KNNAccuracy')]


def test_both_metrics_of_one_kind_in_the_config_are_measured(tmp_path):
    config = config_for(tmp_path)
    both = [dict(type='ClipRetrieval', topk=(1,)), dict(type='ClipRetrieval', centre='gallery', prefix='centred')]
    config.test_evaluator = both
    assert evaluators(config, ['retrieval']) == both


def test_agreement_with_several_teachers_names_each(tmp_path):
    config = config_for(tmp_path, teacher=dict(image=teacher_config(), other=teacher_config()))
    assert [metric['prefix'] for metric in evaluators(config, ['agreement'])] == ['agreement_image', 'agreement_other']


def test_agreement_is_with_the_teacher_behind_a_cache(tmp_path):
    config = config_for(tmp_path, teacher=dict(type='CachedTeacher', cache='gone', teacher=teacher_config()))
    (metric,) = evaluators(config, ['agreement'])
    assert metric['teacher'] == teacher_config()


def test_agreement_without_a_teacher_in_the_config_is_refused(tmp_path):
    with pytest.raises(ValueError, match='no model.teacher to agree with'):
        evaluators(config_for(tmp_path, teacher=None), ['agreement'])


def test_a_metric_that_fails_does_not_lose_the_others(tmp_path, student, capsys):
    config_for(tmp_path, teacher=teacher_config())  # of 7 classes, as the flagship's of 1000 beside a student of 51
    status = run_test(tmp_path, student, 'retrieval', 'agreement', 'calibration')
    found = json.loads((tmp_path / 'metrics.json').read_text())
    assert status == 2 and {name.partition('/')[0] for name in found} == {'retrieval', 'calibration', 'provenance'}
    assert (
        'kdtoolbox test: not measured: agreement: the student has 5 classes and the teacher 7. Give the teacher '
        "the data set's: fit a probe with tools/fit_probe.py CONFIG --out probe.pth and set "
        'model.teacher.probe=probe.pth\n'
    ) in capsys.readouterr().err


def test_a_metric_that_fails_alone_is_the_error_of_the_test(tmp_path, student, capsys):
    config_for(tmp_path, teacher=teacher_config())
    assert main(['test', str(tmp_path / 'config.py'), str(student), '--eval', 'agreement']) == 2
    assert capsys.readouterr().err.startswith('kdtoolbox test: agreement: the student has 5 classes')


def test_metrics_learn_from_the_head_what_scores_are(tmp_path):
    for average in ('prob', 'score'):
        config = config_for(tmp_path)
        config.test_evaluator = evaluators(config, ['calibration', 'agreement', 'knn'])
        config.model.student.cls_head.average_clips = average
        tell_average_clips(config)
        assert [metric.get('average_clips') for metric in config.test_evaluator] == [average, average, None]


def test_the_number_of_neighbours_is_an_option_of_both_commands(tmp_path, student, capsys):
    config_for(tmp_path)
    run = ['test', str(tmp_path / 'config.py'), str(student), '--neighbours', '3', '--eval']
    assert evaluators(config_for(tmp_path), ['knn'], num_neighbours=3) == [dict(type='KNNAccuracy', num_neighbours=3)]
    assert main([*run, 'knn']) == 0
    assert main([*run, 'accuracy']) == 2 and '--neighbours is for --eval knn' in capsys.readouterr().err
    videos = VideoFeatures(
        torch.tensor([[1.0, 0.0], [0.9, 0.3], [0.8, 0.4], [1.0, 0.1]]),
        torch.tensor([0, 1, 1, 0]),
        list('abcd'),
        ['gallery'] * 3 + ['query'],
    )
    save_features(videos, tmp_path / 'features.npz')
    for neighbours, right in (1, 1.0), (3, 0.0):
        main(['evaluate-features', str(tmp_path / 'features.npz'), '--eval', 'knn', '--neighbours', str(neighbours)])
        assert f'knn/top1_unweighted          {right:.4f}' in capsys.readouterr().out


@pytest.mark.parametrize('value', ["[dict(type='KNNAccuracy', num_neighbours=20)]", '[1,(2', '(1,2'])
def test_an_option_that_is_no_value_is_told_in_words(value, capsys):
    with pytest.raises(SystemExit) as ended:
        main(['test', 'configs/kd_r2d_to_r3d_hmdb51.py', 'a.pth', '--cfg-options', f'test_evaluator={value}'])
    assert ended.value.code == 2 and f'--cfg-options …={value}: expected a value' in capsys.readouterr().err


@pytest.mark.parametrize('command', ['test', 'evaluate-features', 'export-student', 'extract-features', 'fit-probe'])
def test_a_place_that_cannot_be_written_is_refused_before_the_work(tmp_path, student, capsys, command):
    config_for(tmp_path)
    config, place = str(tmp_path / 'config.py'), tmp_path / 'a_file/out.npz'
    (tmp_path / 'a_file').write_text('x')
    arguments = {
        'test': [config, str(student), '--out', place],
        'evaluate-features': ['none.npz', '--out', place],
        'export-student': [str(student), place],
        'extract-features': [config, place],
        'fit-probe': [config, '--out', place],
    }[command]
    assert main([command, *map(str, arguments)]) == 2
    message = capsys.readouterr().err
    assert f'kdtoolbox {command}: {place} cannot be written: {tmp_path}/a_file is not a folder' in message
    assert message.count('\n') == 1


def test_a_text_file_in_the_place_of_a_checkpoint_is_one_line(tmp_path, capsys):
    config_for(tmp_path)
    (tmp_path / 'notes.txt').write_text('0\n')
    for command in (
        ['test', str(tmp_path / 'config.py'), str(tmp_path / 'notes.txt')],
        ['export-student', str(tmp_path / 'notes.txt'), str(tmp_path / 'out.pth')],
    ):
        assert main(command) == 2
        assert 'notes.txt is a text file' in capsys.readouterr().err.strip().splitlines()[-1]


def trained_on(tmp_path, classes):
    state = MODELS.build(student_config(num_classes=len(classes))).state_dict()
    save_aside({'meta': {'dataset_meta': {'classes': classes}}, 'state_dict': state}, tmp_path / 'student.pth')
    return tmp_path / 'student.pth'


CLASSES = [f'class{index}' for index in range(NUM_CLASSES)]


@pytest.mark.parametrize(
    'classes, first',
    [
        ([*CLASSES[1:], 'other'], "'class1' and 'class0'"),
        (CLASSES[::-1], "'class4' and 'class0'"),
        ([*CLASSES[:4], 'other'], "'other' and 'class4'"),
    ],
)
@pytest.mark.parametrize('evaluation', ['accuracy', 'calibration', 'confusion', 'agreement'])
def test_a_checkpoint_of_other_classes_is_not_scored(tmp_path, capsys, evaluation, classes, first):
    config_for(tmp_path)
    student = trained_on(tmp_path, classes)
    assert main(['test', str(tmp_path / 'config.py'), str(student), '--eval', 'retrieval', evaluation]) == 2
    assert f'not the 5 of the test set, in the same order: first {first}' in capsys.readouterr().err


def test_a_checkpoint_of_the_same_classes_is_scored_and_features_are_of_any(tmp_path):
    config_for(tmp_path)
    for classes, evaluations in ((CLASSES, ['accuracy', 'retrieval']), (CLASSES[::-1], ['retrieval', 'knn', 'linear'])):
        assert (
            main(['test', str(tmp_path / 'config.py'), str(trained_on(tmp_path, classes)), '--eval', *evaluations]) == 0
        )


def test_a_test_with_a_broken_video_gives_what_one_without_it_gives(tmp_path, student):
    """Loaded by workers, through the student, into metrics of scores and of features."""
    pipeline = [
        dict(type='OpenVideo'),
        dict(type='SampleClipsEvenly', clip_len=4, num_clips=2),
        dict(type='DecodeClip'),
        dict(type='Resize', scale=(16, 16), keep_ratio=False),
        dict(type='FormatShape', input_format='NCTHW'),
        dict(type='PackActionInputs', meta_keys=('sample_id', 'role')),
    ]
    classes = [f'class{index}' for index in range(NUM_CLASSES)]
    for number in range(18):
        role = ('gallery', 'query')[number % 2]
        write_video(tmp_path / role / classes[number // 2 % 3] / f'{number:02}.avi', seed=number)
    broken = tmp_path / 'query/class1/03.avi'
    found = []
    for break_or_remove in (lambda: broken.write_bytes(b'no video at all'), broken.unlink):
        break_or_remove()
        config = config_for(tmp_path)
        datasets = [
            dict(
                type='FolderDataset',
                data_root=str(tmp_path / role),
                role=role,
                pipeline=pipeline,
                test_mode=True,
                metainfo=dict(classes=classes),
            )
            for role in ('gallery', 'query')
        ]
        config.test_dataloader = dict(
            batch_size=2,
            num_workers=2,
            sampler=dict(type='DefaultSampler', shuffle=False),
            dataset=dict(type='ConcatDataset', datasets=datasets),
        )
        found.append(metrics_of_student(config, str(student)))
    assert found[0] == pytest.approx(found[1], rel=1e-5) and {'acc/top1', 'retrieval/top1'} <= found[0].keys()
