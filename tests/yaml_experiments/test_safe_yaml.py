"""YAML files hold plain values, and mmengine reads them so too."""

import pytest
from mmengine.config import Config

from kdtoolbox.yaml_experiments.safe_yaml import parse_yaml, read_yaml

MALICIOUS = '!!python/object/apply:pathlib.Path.touch ["{file}"]'


@pytest.mark.parametrize(
    'tag',
    ['!!python/object/apply:os.getcwd []', '!!python/name:os.getcwd', '!!python/tuple [1]', '!include secrets.yml'],
)
def test_a_tag_is_refused_with_its_line(tag):
    with pytest.raises(ValueError, match=r'the text, line 2: .*only numbers'.replace('only', 'Only')):
        parse_yaml(f'run: {{}}\nmodel: {tag}')


def test_mmengine_runs_no_code_of_a_yaml_config_nor_of_its_base(tmp_path):
    touched = tmp_path / 'touched'
    base = tmp_path / 'base.yml'
    base.write_text(f'work_dir: {MALICIOUS.format(file=touched)}')
    config = tmp_path / 'config.yml'
    config.write_text('_base_: base.yml\nmodel: {type: Distiller}')
    for file in (base, config):
        with pytest.raises(ValueError, match='could run code'):
            Config.fromfile(file)
    assert not touched.exists()


def test_a_yaml_config_may_have_bases_in_python_and_yaml(tmp_path):
    (tmp_path / 'one.py').write_text('model = dict(type="Distiller", weights=(1, 2))')
    (tmp_path / 'two.yml').write_text('train_cfg: {max_epochs: 3, val_interval: 1}')
    (tmp_path / 'config.yml').write_text('_base_: [one.py, two.yml]\ntrain_cfg: {max_epochs: 5}')
    config = Config.fromfile(tmp_path / 'config.yml')
    assert config.model.weights == (1, 2)
    assert config.train_cfg == dict(max_epochs=5, val_interval=1)


def test_a_key_given_twice_is_refused():
    with pytest.raises(ValueError, match=r"line 3: the key 'batch_size' is there twice"):
        parse_yaml('train:\n  batch_size: 1\n  batch_size: 2')


def test_the_same_key_of_two_sections_is_fine():
    assert parse_yaml('train: {batch_size: 1}\neval: {batch_size: 2}') == {
        'train': {'batch_size': 1},
        'eval': {'batch_size': 2},
    }


@pytest.mark.parametrize(
    'text, message', [('a: [1', 'is not YAML'), ('- a\n- b', 'holds list'), ('', 'holds NoneType')]
)
def test_what_is_no_mapping_is_refused_by_the_name_of_the_file(tmp_path, text, message):
    file = tmp_path / 'bad.yml'
    file.write_text(text)
    with pytest.raises(ValueError, match=rf'bad\.yml {message}'):
        read_yaml(file)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ValueError, match=r'none\.yml: no such file'):
        read_yaml(tmp_path / 'none.yml')


def test_aliases_are_read():
    assert parse_yaml('a: &x {lr: 1}\nb: *x') == {'a': {'lr': 1}, 'b': {'lr': 1}}


@pytest.mark.parametrize('name', ['2024_01', '1:30', '007', '0x10', '2024.10', '1e3', '2024-01-05', 'yes', '+7', 'r3d'])
def test_the_name_of_an_experiment_is_taken_as_written(name):
    content = parse_yaml(f'run: {{exp_id: {name}, manual_seed: 7}}\ntrain: {{n_epochs: 0x10}}')
    assert content == {'run': {'exp_id': name, 'manual_seed': 7}, 'train': {'n_epochs': 16}}


@pytest.mark.parametrize('nothing', ['', '~', 'null'])
def test_no_name_is_none(nothing):
    assert parse_yaml(f'run:\n  exp_id: {nothing}') == {'run': {'exp_id': None}}


def test_merged_keys_and_anchors_are_read():
    assert parse_yaml('a: &a {x: 1}\nb: {<<: *a, y: 2}') == {'a': {'x': 1}, 'b': {'x': 1, 'y': 2}}
