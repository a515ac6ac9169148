"""``python main.py --config experiment.yml``: printed, trained, evaluated."""

import math

import pytest
import torch
import yaml
from mmengine.config import Config

from kdtoolbox.cli.main import main
from kdtoolbox.registry import MODELS
from kdtoolbox.safe_files import load_safely
from tests.conftest import REPOSITORY
from tests.videos import write_hmdb51, write_ucf101
from tests.yaml_experiments.minimal import anc, put, simple

EXAMPLES = sorted((REPOSITORY / 'configs/yaml').glob('*.yml'))
SMALL = [
    'model.teacher.weights=None',
    'model.student.backbone.base_channels=4',
    'model.student.cls_head.in_channels=32',
    'env_cfg.cudnn_benchmark=False',
]
SMALL_EVALUATION = [
    f'{loader}_dataloader.dataset.datasets.{index}.pipeline.{option}'
    for loader in ('val', 'test')
    for index in (0, 1)
    for option in ('1.num_clips=2', '4.crop_size=32')
]


@pytest.fixture(autouse=True)
def keep_visible_gpus(monkeypatch):
    """Experiments on the CPU hide the GPUs from the process."""
    monkeypatch.setenv('CUDA_VISIBLE_DEVICES', '')


@pytest.fixture(scope='session')
def places(tmp_path_factory):
    """A data-sets file of generated videos."""
    folder = tmp_path_factory.mktemp('data')
    write_ucf101(folder / 'ucf101')
    write_hmdb51(folder / 'hmdb51', num_classes=3)
    entry = {'avi_video_path': 'videos', 'annotation_path': 'annotations', 'mean': [110, 103, 96], 'std': [38, 37, 40]}
    (folder / 'datasets.yml').write_text(
        yaml.safe_dump(
            {
                'ucf101': {'root_path': str(folder / 'ucf101'), **entry, 'mean': [101, 97, 89]},
                'hmdb51': {'root_path': str(folder / 'hmdb51'), **entry},
            }
        )
    )
    return folder / 'datasets.yml'


def write(folder, content):
    """The experiment, small, on the CPU, as a file."""
    content = put(put(content, 'run.gpus', -1), 'run.exp_path', str(folder / 'exps'))
    content = put(content, 'run.exp_id', 'first')
    for section in {'train', 'eval'} & content.keys():
        content[section] |= {'n_threads': 0, 'batch_size': 3}
    if 'train' in content:
        content['train'] |= {'n_epochs': 1, 'logging_n': 1}
        content['train']['data'] |= {'sample_size': 32, 'sample_duration': 4}
    file = folder / 'experiment.yml'
    file.write_text(yaml.safe_dump(content))
    return file


def run(file, places, *options):
    return main(['experiment', '--config', str(file), '--datasets', str(places), '--cfg-options', *SMALL, *options])


def scalars(checkpoint):
    hub = load_safely(checkpoint, what='checkpoint')['message_hub']['log_scalars']
    return {key: value['HistoryBuffer'][0] for key, value in hub.items()}


def printed(capsys, tmp_path, *arguments):
    capsys.readouterr()
    assert main(['experiment', '--print-config', *map(str, arguments)]) == 0
    file = tmp_path / 'printed.py'
    file.write_text(capsys.readouterr().out)
    return Config.fromfile(file)


def test_a_simple_experiment_trains_on_one_data_set_and_is_evaluated_on_another(tmp_path, places, capsys):
    assert run(write(tmp_path, simple()), places, *SMALL_EVALUATION) == 0
    folder = tmp_path / 'exps/first'
    seen = scalars(folder / 'epoch_1.pth')
    assert len(seen['train/loss']) == 2 and all(math.isfinite(loss) for loss in seen['train/loss'])
    assert 0 <= seen['val/retrieval/top5'][-1] <= 1
    assert list(folder.glob('best_retrieval_top5_epoch_1.pth'))
    log = next(folder.glob('*/*.log')).read_text()
    assert '6 query videos in 6 gallery videos' in log and 'HMDB51Dataset' in log
    command = ['test', str(folder / 'experiment.py'), str(folder / 'epoch_1.pth'), '--eval', 'retrieval', 'knn']
    capsys.readouterr()
    assert main(command) == 0
    printed = capsys.readouterr().out
    assert 'retrieval/top1' in printed and 'knn' in printed


def test_what_was_trained_is_evaluated_alone_and_gone_on_with(tmp_path, places, capsys):
    trained = tmp_path / 'exps/first/epoch_1.pth'
    assert run(write(tmp_path, put(simple(), 'eval', ...)), places) == 0
    alone = put(put(simple(), 'train', ...), 'model.s_pretrain_path', str(trained))
    options = [option for option in SMALL if 'teacher' not in option]
    evaluation = [option for option in SMALL_EVALUATION if option.startswith('test')]
    assert (
        main(
            [
                'experiment',
                '--config',
                str(write(tmp_path, alone)),
                '--datasets',
                str(places),
                '--cfg-options',
                *options,
                *evaluation,
            ]
        )
        == 0
    )
    resumed = put(put(simple(), 'eval', ...), 'train.resume_path', str(trained))
    assert run(write(tmp_path, resumed), places, 'train_cfg.max_epochs=2') == 0
    assert len(scalars(tmp_path / 'exps/first/epoch_2.pth')['train/loss']) == 4


def test_an_anc_experiment_trains_student_and_discriminator(tmp_path, places):
    content = put(anc(d_reg={'name': ['L2', 'FakeAsReal'], 'weight': 0.1}), 'model.d_arch', 'anc_discriminator')
    projection = [
        f'model.adversarial.student_connector.{option}'
        for option in ('type=LinearProjection', 'in_channels=32', 'out_channels=512')
    ]
    assert run(write(tmp_path, content), places, *SMALL_EVALUATION, *projection) == 0
    checkpoint = tmp_path / 'exps/first/epoch_1.pth'
    seen = scalars(checkpoint)
    assert {'train/loss_adversarial', 'train/loss_similarity', 'train/discriminator_loss'} <= seen.keys()
    assert 0 <= seen['val/retrieval/top5'][-1] <= 1
    assert any(name.startswith('discriminator.') for name in load_safely(checkpoint, what='checkpoint')['state_dict'])


@pytest.mark.parametrize('example', EXAMPLES, ids=lambda path: path.stem)
def test_an_example_is_built(example, tmp_path, capsys):
    config = printed(capsys, tmp_path, '--config', example, '--datasets', REPOSITORY / 'configs/datasets.yml')
    config.model.teacher.weights = None
    config.model.student_view.size = config.model.teacher.view.size = 32  # of the clip that they are tried on
    MODELS.build(config.model)
    assert config.model.student.cls_head.num_classes == 1000
    assert config.train_dataloader.dataset.type == 'UCF101Dataset'
    assert config.val_dataloader.dataset.datasets[0].type == 'HMDB51Dataset'


def test_the_examples_have_the_originals_settings(tmp_path, capsys):
    assert [example.stem for example in EXAMPLES] == ['anc', 'simple']
    expected = {'anc': (0.001, 2e-4, 200, 16, 8), 'simple': (0.01, 1e-4, 45, 32, 16)}
    for example in EXAMPLES:
        config = printed(capsys, tmp_path, '--config', example, '--datasets', REPOSITORY / 'configs/datasets.yml')
        wrapper = config.optim_wrapper.get('student', config.optim_wrapper)
        assert (
            wrapper.optimizer.lr,
            wrapper.optimizer.weight_decay,
            config.train_cfg.max_epochs,
            config.train_dataloader.batch_size,
            config.val_dataloader.batch_size,
        ) == expected[example.stem]
        assert wrapper.optimizer.momentum == 0.9
    assert config.model.terms.similarity.loss.type == 'L2'


def test_the_printed_config_is_the_one_that_runs_and_prints_itself(tmp_path, places, capsys):
    file = write(tmp_path, simple())
    config = printed(capsys, tmp_path, '--config', file, '--datasets', places, '--cfg-options', 'randomness.seed=5')
    assert config.randomness.seed == 5
    assert config.work_dir == str(tmp_path / 'exps/first')
    again = printed(capsys, tmp_path, '--config', tmp_path / 'printed.py')
    assert again.to_dict() == config.to_dict()
    assert not (tmp_path / 'exps').exists()


def test_without_an_id_each_run_has_a_folder_of_its_own(tmp_path, capsys):
    file = tmp_path / 'experiment.yml'
    file.write_text(yaml.safe_dump(simple()))
    folders = {printed(capsys, tmp_path, '--config', file).work_dir for _ in range(2)}
    assert len(folders) == 2 and all(folder.startswith('exps/') for folder in folders)
    assert printed(capsys, tmp_path, '--config', file, '--work-dir', 'elsewhere').work_dir == 'elsewhere'


def test_several_gpus_share_the_batch_and_need_a_name_and_processes(tmp_path, places, capsys):
    content = put(put(simple(), 'run.gpus', [0, 1]), 'run.exp_id', 'pair')
    file = tmp_path / 'experiment.yml'
    file.write_text(yaml.safe_dump(content))
    assert printed(capsys, tmp_path, '--config', file).train_dataloader.batch_size == 16
    assert main(['experiment', '--config', str(file)]) == 2
    assert 'torchrun --nproc-per-node 2 main.py --config' in capsys.readouterr().err
    file.write_text(yaml.safe_dump(put(content, 'run.exp_id', ...)))
    assert main(['experiment', '--config', str(file), '--print-config']) == 2
    assert 'run.exp_id is missing' in capsys.readouterr().err


def test_a_launcher_that_launched_nothing_is_missed(tmp_path, places, capsys, monkeypatch):
    monkeypatch.delenv('WORLD_SIZE', raising=False)
    file = write(tmp_path, simple())
    assert main(['experiment', '--config', str(file), '--datasets', str(places), '--launcher', 'pytorch']) == 2
    assert 'torchrun' in capsys.readouterr().err


def test_an_mmengine_config_in_yaml_is_trained(tmp_path, places, capsys):
    printed(capsys, tmp_path, '--config', write(tmp_path, simple()), '--datasets', places)
    config = tmp_path / 'plain.yml'
    config.write_text(
        '_base_: printed.py\ntrain_cfg: {max_epochs: 1}\nval_dataloader: null\nval_cfg: null\n'
        'val_evaluator: null\ndefault_hooks: {checkpoint: {save_best: null}}\n'
    )
    work_dir = tmp_path / 'plain'
    assert main(['experiment', '--config', str(config), '--work-dir', str(work_dir), '--cfg-options', *SMALL]) == 0
    assert (work_dir / 'epoch_1.pth').is_file()


@pytest.mark.parametrize(
    'text, message',
    [
        ('model: !!python/object/apply:os.getcwd []', 'could run code'),
        (
            'model: {s_arch: r3d}\ntrain: {methd: ANC}',
            'experiment.yml: train.methd is not a key of train: did you mean',
        ),
        ('model: {s_arch: r3d}', 'neither train nor eval'),
        ('train_cfg: null\nmodel: {type: Distiller}', 'neither train_dataloader nor test_dataloader'),
    ],
)
def test_a_file_that_will_not_do_is_one_message_and_no_traceback(tmp_path, capsys, text, message):
    file = tmp_path / 'experiment.yml'
    file.write_text(text)
    assert main(['experiment', '--config', str(file)]) == 2
    error = capsys.readouterr().err
    assert message in error and 'Traceback' not in error


@pytest.mark.parametrize('path', ['model.s_pretrain_path', 'train.resume_path'])
def test_weights_that_are_not_there_are_missed_before_anything_starts(tmp_path, places, capsys, path):
    assert run(write(tmp_path, put(simple(), path, 'nowhere.pth')), places) == 2
    assert 'nowhere.pth: no such file' in capsys.readouterr().err
    assert not (tmp_path / 'exps').exists()


@pytest.mark.skipif(torch.cuda.is_available(), reason='there is a GPU')
def test_a_gpu_that_is_not_there_is_not_replaced_in_silence(tmp_path, places, capsys, monkeypatch):
    monkeypatch.delenv('CUDA_VISIBLE_DEVICES')
    file = tmp_path / 'experiment.yml'
    file.write_text(yaml.safe_dump(simple()))
    assert main(['experiment', '--config', str(file), '--datasets', str(places)]) == 2
    assert 'sees none here; set run.gpus: -1' in capsys.readouterr().err
