"""``kdtoolbox new``: what it writes works at once, by its own test and in a config."""

import os
import sys
import textwrap

import pytest

from kdtoolbox.cli.main import main
from kdtoolbox.templates.writer import KINDS
from tests.forked import call
from tests.tiny import run_config


@pytest.mark.parametrize('name', ['class', 'Lambda'])
def test_a_word_of_python_is_refused_as_a_name(name, tmp_path, capsys):
    assert main(['new', 'loss', name, '--to', str(tmp_path)]) == 2
    assert 'is a word of Python itself' in capsys.readouterr().err and not list(tmp_path.iterdir())


NAMES = {
    'loss': 'NewLoss',
    'teacher': 'NewTeacher',
    'connector': 'NewConnector',
    'dataset': 'NewDataset',
    'plugin': 'new_plugin',
}
# Each as a config names it; the classes are found by custom_imports.
IN_A_CONFIG = textwrap.dedent("""
    from mmengine.config import Config
    from mmengine.registry import init_default_scope

    from kdtoolbox.registry import DATASETS, MODELS
    from tests import tiny

    CONFIG = Config.fromfile('config.py')
    init_default_scope(CONFIG.default_scope)


    def test_a_distiller_is_built_with_all_of_them():
        distiller = MODELS.build(CONFIG.model)
        term = distiller.criterion.terms.kd
        names = [type(one).__name__ for one in (term.loss, term.student_connector, *distiller.teachers.values())]
        assert names == ['NewLoss', 'NewConnector', 'NewTeacher']
        assert type(distiller.criterion.terms.of_plugin.loss).__name__ == 'NewPluginLoss'
        assert term.chosen == ('student_connector: NewConnector(in_channels=32, out_channels=7)',)
        batch = dict(distiller.data_preprocessor(tiny.batch(), training=True))
        assert {'loss_kd', 'loss_of_plugin'} <= distiller(**batch, mode='loss').keys()


    def test_the_data_set_is_built():
        dataset = DATASETS.build(CONFIG.train_dataloader.dataset)
        assert type(dataset).__name__ == 'NewDataset' and len(dataset) == 1
""")


def run_pytest() -> int:
    """On what lies in the current folder."""
    sys.path[:0] = [os.getcwd(), os.path.abspath('new_plugin')]
    return pytest.main(['--rootdir', '.', '-rA', '--doctest-modules', '-p', 'no:cacheprovider', '.'])


@pytest.fixture(scope='module')
def results(tmp_path_factory) -> str:
    """What pytest prints about one of each kind, and about a config that names them all, in one process."""
    folder = tmp_path_factory.mktemp('new')
    for kind, name in NAMES.items():
        assert main(['new', kind, name, '--to', str(folder)]) == 0
    (folder / 'videos').mkdir()
    (folder / 'videos/a.avi').touch()
    (folder / 'list.csv').write_text('a.avi,run\n')
    auto = dict(type='NewConnector', in_channels='auto', out_channels='auto')
    config = run_config(
        folder / 'run',
        teacher=dict(type='NewTeacher', num_classes=7, view=dict(size=16)),
        terms=dict(
            kd=dict(loss=dict(type='NewLoss'), student='features', student_connector=auto),
            of_plugin=dict(loss=dict(type='NewPluginLoss'), student='features', student_connector=auto),
        ),
    )
    config.train_dataloader.dataset = dict(type='NewDataset', ann_file='list.csv', data_root='videos', pipeline=[])
    config.custom_imports = dict(
        imports=['tests.tiny', 'new_loss', 'new_teacher', 'new_connector', 'new_dataset', 'new_plugin']
    )
    config.dump(folder / 'config.py')
    (folder / 'test_config.py').write_text(IN_A_CONFIG)
    done = call(run_pytest, folder=folder, cwd=folder)
    return done.stdout + done.stderr


@pytest.mark.parametrize('kind', KINDS)
def test_what_is_written_passes_its_own_test(results, kind):
    file = 'new_plugin/tests/test_loss.py' if kind == 'plugin' else f'test_new_{kind}.py'
    passed = [line for line in results.splitlines() if line.startswith(f'PASSED {file}::')]
    failed = [line for line in results.splitlines() if line.startswith(('FAILED', 'ERROR')) and file in line]
    assert len(passed) >= 3 and not failed, results


def test_all_of_them_are_built_from_one_config_and_give_losses(results):
    assert 'PASSED test_config.py::test_a_distiller_is_built_with_all_of_them' in results, results
    assert 'PASSED test_config.py::test_the_data_set_is_built' in results, results


def test_it_says_how_to_test_and_to_use_the_new_class(capsys, tmp_path):
    assert main(['new', 'loss', 'my_new_loss', '--to', str(tmp_path)]) == 0
    printed = capsys.readouterr().out
    assert f'wrote {tmp_path}/my_new_loss.py' in printed and f'pytest {tmp_path}/test_my_new_loss.py' in printed
    assert "imports=['my_new_loss']" in printed and "loss=dict(type='MyNewLoss')" in printed


@pytest.mark.parametrize(
    'kind, name, message',
    [
        ('loss', 'my-loss', 'expected letters, digits and underscores'),
        ('loss', '2Fast', 'with a letter first'),
        ('loss', 'token', "a Python module 'token' already"),
        ('loss', 'KLDivergence', "the model 'KLDivergence' is registered already"),
        ('dataset', 'FolderDataset', "the dataset 'FolderDataset' is registered already"),
    ],
)
def test_a_name_that_cannot_be_used_is_refused(capsys, tmp_path, kind, name, message):
    assert main(['new', kind, name, '--to', str(tmp_path)]) == 2
    assert message in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_no_file_is_overwritten(capsys, tmp_path):
    (tmp_path / 'test_own_loss.py').write_text('mine')
    assert main(['new', 'loss', 'OwnLoss', '--to', str(tmp_path)]) == 2
    assert 'test_own_loss.py exists already' in capsys.readouterr().err
    assert [file.name for file in tmp_path.iterdir()] == ['test_own_loss.py']
