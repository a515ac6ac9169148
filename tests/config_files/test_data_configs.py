"""Configs of YAML and JSON are data: what they name is registered, and with --safe-config no code runs."""

import json

import pytest

from kdtoolbox.cli.main import main
from kdtoolbox.config_files.finding import find_config
from kdtoolbox.config_files.reading import read_config
from kdtoolbox.runner.stages import read_plan
from tests.conftest import REPOSITORY
from tests.tiny import run_config

RUNS_CODE = "import os\nos.environ['KDTOOLBOX_RAN'] = 'yes'\n"


@pytest.fixture(autouse=True)
def nothing_ran(monkeypatch):
    import os

    monkeypatch.delenv('KDTOOLBOX_RAN', raising=False)
    yield
    assert 'KDTOOLBOX_RAN' not in os.environ


def written(file, **content):
    file.write_text(json.dumps(content))  # JSON is YAML too
    return file


@pytest.mark.parametrize('suffix', ['.yml', '.yaml', '.json'])
@pytest.mark.parametrize(
    'content',
    [
        dict(visualizer=dict(type='os.system', command='true')),
        dict(custom_hooks=[dict(type='subprocess.Popen', args='true')]),
        dict(model=dict(type='Distiller', student=dict(type='Recognizer3D', backbone=dict(type='os.system')))),
        dict(optim_wrapper=dict(type='OptimWrapper', constructor='os.system')),
        dict(default_hooks={'a.type': 'os.system'}),
        dict(model=dict(type='Distiller'), runner_type='os.system'),
    ],
)
def test_a_dotted_path_in_a_config_of_data_is_refused(content, suffix, tmp_path):
    file = written(tmp_path / f'config{suffix}', default_scope='kdtoolbox', **content)
    with pytest.raises(ValueError, match=rf"config .*config{suffix} names the type '(os.system|subprocess.Popen)'"):
        read_config(file)


def test_a_dotted_path_in_a_base_of_data_is_refused(tmp_path):
    written(tmp_path / 'base.json', visualizer=dict(type='os.system', command='true'))
    with pytest.raises(ValueError, match=r"base\.json names the type 'os\.system'"):
        read_config(written(tmp_path / 'config.yml', _base_='base.json', default_scope='kdtoolbox'))


def test_a_scope_that_would_be_imported_is_refused(tmp_path):
    file = written(tmp_path / 'config.yml', default_scope='somebody', model=dict(type='Distiller'))
    with pytest.raises(ValueError, match=r'default_scope .somebody.: expected one of .*kdtoolbox'):
        read_config(file)


def test_bases_that_name_themselves_are_refused(tmp_path):
    with pytest.raises(ValueError, match='does one of them name itself'):
        read_config(written(tmp_path / 'config.yml', _base_='config.yml', default_scope='kdtoolbox'))


@pytest.mark.parametrize('name', ['kd_r2d_to_r3d_hmdb51.py', 'distinit_r2d_to_c3d_ucf101.py', 'finetune_r3d_hmdb51.py'])
def test_a_shipped_config_written_as_yaml_is_read(name, tmp_path):
    read_config(find_config(name)).dump(tmp_path / 'config.yaml')
    assert read_config(tmp_path / 'config.yaml', safe=True).model.keys() == read_config(find_config(name)).model.keys()


def test_a_safe_config_may_build_on_one_that_came_with_kdtoolbox(tmp_path):
    base = str(REPOSITORY / 'configs/kd_r2d_to_r3d_hmdb51.py')
    assert read_config(written(tmp_path / 'config.yml', _base_=base), safe=True).model.type == 'Distiller'


@pytest.mark.parametrize('command', ['train', 'doctor', 'experiment', 'stages'])
def test_with_safe_config_python_does_not_run(command, tmp_path, capsys):
    (tmp_path / 'config.py').write_text(RUNS_CODE)
    arguments = ['--config'] if command == 'experiment' else []
    assert main([command, *arguments, str(tmp_path / 'config.py'), '--safe-config']) == 2
    assert '--safe-config: ' in capsys.readouterr().err


def test_with_safe_config_neither_bases_nor_imports_run(tmp_path):
    (tmp_path / 'base.py').write_text(RUNS_CODE)
    for content in (dict(_base_='base.py'), dict(custom_imports=dict(imports=['base'])), dict(_base_='mmaction::x.py')):
        with pytest.raises(ValueError, match='--safe-config: '):
            read_config(written(tmp_path / 'config.yml', default_scope='kdtoolbox', **content), safe=True)


def test_plans_of_stages_take_registered_names_only(tmp_path):
    stage = dict(name='a', config='kd_r2d_to_r3d_hmdb51.py', cfg_options={'visualizer.type': 'os.system'})
    with pytest.raises(ValueError, match=r"plan .*plan\.yml names the type 'os\.system'"):
        read_plan(written(tmp_path / 'plan.yml', stages=[stage]))


def test_a_safe_plan_has_no_stage_of_python(tmp_path):
    (tmp_path / 'config.py').write_text(RUNS_CODE)
    plan = written(tmp_path / 'plan.yml', stages=[dict(name='a', config=str(tmp_path / 'config.py'))])
    with pytest.raises(ValueError, match='--safe-config: '):
        read_plan(plan, safe=True)


@pytest.mark.parametrize('stages', [7, ['a'], [dict(name=7, config='x')], [dict(name='a')], {'a': 1}])
def test_malformed_plans_are_refused(stages, tmp_path):
    with pytest.raises(ValueError, match='stage'):
        read_plan(written(tmp_path / 'plan.yml', stages=stages))


def test_names_that_a_config_imports_are_registered_ones(tmp_path):
    config = run_config(tmp_path / 'run')
    config.custom_imports = dict(imports=['tests.tiny'])
    config.dump(tmp_path / 'config.yaml')
    assert read_config(tmp_path / 'config.yaml').train_dataloader.dataset.type == 'TinyClips'
